"""Why an event is not accepted: every code, what it means, what to do, and an event that gets it.

The reference page and the tests are made from this list, so a code without an example cannot exist.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rejection:
    code: str
    meaning: str
    cure: str
    example: str  # an event that is answered with this code (NOW and FUTURE stand for timestamps)
    kept: bool = True  # as a dead letter that can be replayed


_IDS = '"event_id":"0b5b2b1e-8f0a-4c3e-9d55-6a1f0c1d2e3f"'
_WHO = '"student_id":"s-1","session_id":"x-1"'
_START = f'{_IDS},"event_type":"session_start","timestamp":"NOW",{_WHO}'

REJECTIONS = (
    Rejection("not-json", "The line is not JSON.", "Send one JSON object a line.", "{'a': 1}"),
    Rejection("not-an-object", "The item is not a JSON object.", "Send an object for each event.", "42"),
    Rejection(
        "too-deep",
        "The item is nested too deeply.",
        "Flatten the payload.",
        f'{{{_START},"payload":{"[" * 2000}{"]" * 2000}}}',
    ),
    Rejection(
        "missing-field",
        "A required field is absent.",
        "Send event_id, event_type, timestamp, student_id, session_id and what the type requires.",
        f'{{"event_type":"session_start","timestamp":"NOW",{_WHO}}}',
    ),
    Rejection(
        "wrong-type",
        "A field has another type than declared.",
        "Send the declared type; ids are strings.",
        f'{{{_IDS},"event_type":"session_start","timestamp":"NOW","student_id":7,"session_id":"x-1"}}',
    ),
    Rejection(
        "bad-event-id",
        "event_id is not a UUID.",
        "Make one random UUID for each event and keep it when you send again.",
        f'{{"event_id":"7","event_type":"session_start","timestamp":"NOW",{_WHO}}}',
    ),
    Rejection(
        "bad-timestamp",
        "timestamp is not ISO 8601 with a zone.",
        "Write 2026-03-04T09:30:00.000Z or +01:00 instead of Z.",
        f'{{{_IDS},"event_type":"session_start","timestamp":"2026-03-04 09:30",{_WHO}}}',
    ),
    Rejection(
        "in-the-future",
        "timestamp is further ahead than clocks may differ.",
        "Set the client's clock; we allow five minutes.",
        f'{{{_IDS},"event_type":"session_start","timestamp":"FUTURE",{_WHO}}}',
    ),
    Rejection(
        "too-old",
        "timestamp lies before the year 2000.",
        "Check the client's clock or the unit of its timestamps.",
        f'{{{_IDS},"event_type":"session_start","timestamp":"1970-01-01T00:00:00Z",{_WHO}}}',
    ),
    Rejection(
        "bad-text",
        "A text is empty where it must not be, too long, or holds a NUL or a broken character.",
        "Send ids of 1 to 128 characters and valid Unicode.",
        f'{{{_START},"context":{{"lesson_id":""}}}}',
    ),
    Rejection(
        "out-of-range",
        "A number lies outside its declared range.",
        "See the range of the field in the events reference.",
        f'{{{_START},"sequence":-1}}',
    ),
    Rejection(
        "not-allowed-value",
        "A value is not among the declared ones.",
        "See the allowed values in the events reference.",
        f'{{{_START},"device":{{"type":"toaster"}}}}',
    ),
    Rejection(
        "too-large",
        "The type is not declared yet, and the event is too large to wait until it is.",
        "Declare the type first, or send an event of at most 256 KiB.",
        f'{{{_START},"payload":{{"text":"{"long " * 60_000}"}}}}'.replace("session_start", "hologram_viewed"),
        kept=False,
    ),
    Rejection(
        "no-lawful-basis",
        "No lawful basis was recorded for this learner at the time of the event.",
        "Record one (or send consent_granted) first; the event was not kept.",
        f"{{{_START}}}".replace("s-1", "nobody-recorded"),
        kept=False,
    ),
    Rejection(
        "no-guardian-consent",
        "The learner was under 13 and no guardian had consented at the time of the event.",
        "Record the guardian's consent first; the event was not kept.",
        f"{{{_START}}}".replace("s-1", "child-without-consent"),
        kept=False,
    ),
    Rejection(
        "shed",
        "The way in is overloaded and this event's priority is low.",
        "Send it again later; P0 events are never shed.",
        f"{{{_START}}}".replace("session_start", "page_view"),
        kept=False,
    ),
)
CODES = {rejection.code: rejection for rejection in REJECTIONS}
