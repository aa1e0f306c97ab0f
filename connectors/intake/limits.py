"""How much the way in takes at once. Everything that waits is bounded."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int = 8 * MIB  # after decompression: what a bomb would blow up
    events: int = 10_000  # in one body
    text: int = 128  # characters of an id
    ahead_s: int = 300  # how far a client's clock may run ahead of ours
    oldest_year: int = 2000
    queue_bytes: int = 128 * MIB  # all that waits; small bodies as they were sent
    group_bytes: int = 8 * MIB  # checked together
    stream_events: int = 1_000  # in one group: more are on their way, and the journal takes them
    letter_bytes: int = 16 * 1024  # kept of an event that was refused
    quarantined_bytes: int = 256 * 1024  # of a type that nobody declared: larger ones are refused
    letters_per_hour: int = 10_000  # per organisation; beyond it only counted


LIMITS = Limits()
