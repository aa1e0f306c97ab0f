"""What one sender brought, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from connectors.intake.decode import Refused, Unread, decode
from connectors.intake.gatekeeper import Event
from connectors.intake.limits import Limits
from models.errors import HeadwayError
from models.event import Rejected

# The source of what is done on Headway's own pages. It is told again under the same id whenever a page is
# opened again: that is no fault of anybody's data.
OWN = "headway"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Once it is durable."""

    accepted: int
    duplicates: int
    quarantined: int
    rejected: tuple[Rejected, ...]

    def answer(self) -> dict[str, object]:
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "quarantined": self.quarantined,
            "rejected": [
                {"index": r.index, "event_id": r.event_id, "code": r.code, "detail": r.detail}
                for r in self.rejected
            ],
        }

    def as_json(self) -> bytes:
        """An overloaded way in refuses thousands at once: none is made a dictionary of first."""
        counts = {name: getattr(self, name) for name in ("accepted", "duplicates", "quarantined")}
        return orjson.dumps({**counts, "rejected": self.rejected})


Told = Callable[["Outcome | HeadwayError"], None]


@dataclass(slots=True, eq=False)
class Submission:
    """`indexes`: places of the events in what was sent (None: 0, 1, 2 ...)."""

    organisation_id: int
    source: str
    events: Sequence[Event]
    size: int
    received: int
    told: Told
    refused: Sequence[Refused] = ()
    indexes: Sequence[int] | None = None
    offsets: Mapping[str, str] = field(default_factory=dict)
    keep_letters: bool = True  # a replayed letter is one already
    unread: Unread | None = None  # then `events` come from it, once it is read
    crowd: float = 0.0  # how full the queue was with it, when it came
    may_be_shed: bool = True  # not what is read from a file or a topic: that can wait where it is

    def read(self, limits: Limits) -> None:
        """Raises when the body as a whole cannot be read."""
        if self.unread is not None:
            decoded = decode(self.unread.body, self.unread.form, limits)
            self.events, self.refused, self.indexes = decoded.events, decoded.refused, decoded.indexes
            self.unread = None

    def index(self, place: int) -> int:
        return self.indexes[place] if self.indexes is not None else place
