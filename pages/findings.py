"""What a card's title says: a finding where there is one, else the plain question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from models.ask import Ask
from pages.cards import Tone
from pages.filters import Filters
from pages.speech import Speech

if TYPE_CHECKING:
    from pages.sheet import Asking

Direction = Literal["rose", "fell", "same", "unknown"]
JUDGED = 0.15  # from here on a change is good, or to be watched
LEAST = 0.05  # a smaller change is called "about the same"


@dataclass(frozen=True, slots=True)
class Change:
    direction: Direction
    share: float = 0.0  # of what it was before, without its sign

    def tone(self) -> Tone:
        """A judgement only where the change is large enough to be one."""
        if self.direction in ("same", "unknown") or self.share < JUDGED:
            return "plain"
        return "good" if self.direction == "rose" else "watch"


def change(now: float | None, then: float | None) -> Change:
    if now is None or not then:
        return Change("unknown")
    share = (now - then) / abs(then)
    if abs(share) < LEAST:
        return Change("same", abs(share))
    return Change("rose" if share > 0 else "fell", abs(share))


def before(speech: Speech, filters: Filters) -> str:
    """How the span compared with is called: "last week", or "last week up to the same day"."""
    name = filters.period.replace("-", "_")
    return speech.say(f"finding.before_{name}{'_so_far' if filters.running and name in _PARTLY else ''}")


_PARTLY = ("week", "month")  # periods that run on after today; the others end with it


def title(speech: Speech, key: str, found: Change, filters: Filters) -> str:
    """The texts `<key>_rose`, `_fell`, `_same`; `<key>_none` where all of it is gone; where
    nothing can be compared, `<key>` asks plainly."""
    if found.direction == "unknown":
        return speech.say(key)
    if found.direction == "fell" and found.share == 1:
        return speech.say(f"{key}_none")
    return speech.say(
        f"{key}_{found.direction}", share=speech.share(found.share), before=before(speech, filters)
    )


def then(speech: Speech, value: str, filters: Filters, found: Change | None = None) -> str:
    """What a number is compared with; with `found`, a judgement's word: more or less."""
    word = f"_{found.direction}" if found and found.tone() != "plain" else ""
    return speech.say(f"finding.then{word}", value=value, before=before(speech, filters))


async def nothing(asking: Asking, speech: Speech) -> str:
    """Why a card is empty: nothing yet at all, nothing that early, or nothing in the chosen period."""
    filters = asking.filters
    ask = filters.narrow(Ask(measures=("first_active",)))
    answer = await asking.put(replace(ask, since=None, until=None), within=False)
    asking.answers.remove(answer)
    rows = answer.rows()
    first = rows[0]["first_active"] if rows else None
    if first is None:
        return speech.say("finding.nothing_yet")
    if filters.until <= first:  # type: ignore[operator]
        return speech.say("finding.before_start", day=speech.day(first, "yMMMMd"))  # type: ignore[arg-type]
    return speech.say("card.empty_span")
