"""What an event type is, and what becomes of an event at the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What can be known of a person from a text; under these names it is found, and replaced.
PERSONAL = ("name", "e-mail", "phone", "address", "account", "card", "national id", "ip")
FieldKind = Literal["string", "id", "int", "float", "bool", "object", "list"]
Priority = Literal["P0", "P1", "P2"]


@dataclass(frozen=True, slots=True)
class PayloadField:
    """One declared field of a payload. `column` is the typed column of `events` it goes to."""

    name: str
    kind: FieldKind
    meaning: str = ""
    unit: str = ""
    required: bool = False
    low: float | None = None
    high: float | None = None
    among: tuple[str, ...] = ()
    column: str | None = None
    personal: tuple[str, ...] = ()  # kinds that may stand in it; then it is searched for all, before storage

    @property
    def may_hold_personal_data(self) -> bool:
        return bool(self.personal)


@dataclass(frozen=True, slots=True)
class EventType:
    name: str
    category: str
    priority: Priority
    meaning: str
    fields: tuple[PayloadField, ...]
    needs: tuple[str, ...] = ()  # ids that `context` must hold


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why one event of a batch was not accepted. `detail` never quotes a personal value."""

    index: int
    event_id: str | None
    code: str
    detail: str
