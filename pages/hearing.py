"""What a page hears from its browser. All of it was sent by a browser: checked before it is believed."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

import orjson
from markupsafe import Markup

from models.errors import HeadwayError
from pages import about, filters, frame, tables
from pages.asking import Slot
from pages.cards import Card
from pages.filters import Filters
from pages.me import Offered
from pages.places import Visit

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pages.sheet import Sheet

SPANS = {"day": 1, "week": 7}  # marks that are a period of their own, in days


class Hearing:
    """One method a kind of message. Mixed into the sheet, whose state it turns."""

    slots: ClassVar[tuple[Slot, ...]] = ()
    marks: ClassVar[tuple[str, ...]] = ()  # dimensions a click may narrow the page by
    visit: Visit
    offered: Offered
    filters: Filters
    cards: dict[str, Card]
    turns: dict[str, tables.Turn]
    _did: deque[tuple[str, bool]]
    _is_ready = False  # core was there, and said what the page needs first
    _wide: Filters | None = None  # what the page looked at before a tap on a day or a week

    if TYPE_CHECKING:  # what the sheet does

        def read_query(self, query: Mapping[str, str]) -> Filters: ...
        def _later(self, news: dict[str, Any]) -> None: ...
        def _run(self, work: Coroutine[Any, Any, None]) -> None: ...
        def _rest(self) -> None: ...
        async def _first(self) -> None: ...
        async def _fill(self, slots: Sequence[Slot]) -> None: ...
        async def _ask_again(self, slots: Sequence[Slot]) -> None: ...

    def _told(self, message: Mapping[str, Any]) -> None:
        heard = getattr(self, f"_hear_{message['kind']}", None)
        if heard is not None:
            heard(message)

    def _hear_place(self, message: Mapping[str, Any]) -> None:
        query = message.get("query")
        if isinstance(query, dict) and len(query) < 32:
            self.place({str(k): str(v)[:200] for k, v in query.items()})
        else:
            self._rest()

    def place(self, query: Mapping[str, str]) -> None:
        """The URL changed: ask everything again."""
        self.filters = filters.checked(self.read_query(query), self.offered)
        self._later({"state": self.filters.link()})
        self._run(self._fill(self.slots))

    def _hear_pick(self, message: Mapping[str, Any]) -> None:
        mark = message.get("mark")
        if message.get("slot") in self.cards and isinstance(mark, dict):
            known = {str(k): str(v)[:200] for k, v in mark.items() if k in self.taken and v is not None}
            if known and all(k in self.marks or _span(k, v) for k, v in known.items()):
                self.picked(str(message["slot"]), known)
                return
        self._rest()

    @property
    def taken(self) -> tuple[str, ...]:
        """The marks that a click does something with: a page with a period looks at a day as its period."""
        spans = SPANS if "period" in self.visit.page.filters and not {*SPANS} & {*self.marks} else ()
        return (*self.marks, *spans)

    def picked(self, slot: str, mark: Mapping[str, str]) -> None:
        """A click on a mark narrows the page; a second click on it widens it again."""
        span = next((_span(k, v) for k, v in mark.items() if k not in self.marks), None)
        if span is not None:
            self._look_at(*span)
            return
        marks = {k: v for k, v in self.filters.marks.items() if k not in mark}
        if any(self.filters.marks.get(k) != v for k, v in mark.items()):
            marks.update(mark)
        self.filters = replace(self.filters, marks=marks)
        self._later({"state": self.filters.link()})
        self._run(self._fill(self.slots))

    def narrowed(self, name: str, value: str) -> str:
        """Where a click on a mark leads: the same for who reads the chart as a table."""
        if name in self.marks:
            return self.filters.link(**{name: value})
        span = _span(name, value)
        own = {"period": "own", "since": f"{span[0]}", "until": f"{span[1]}"} if span else {}
        return self.filters.link(**own)

    def _look_at(self, since: date, until: date) -> None:
        """That span as the page's period; if it is that already, the period before it."""
        was = self.filters
        if (was.since, was.until) == (since, until):
            wide = self._wide or self.read_query({})
            period, since, until = wide.period, wide.since, wide.until
        else:
            self._wide = was if was.period != "own" else self._wide
            period = "own"
        self.filters = replace(was, period=period, since=since, until=until)
        self._later({"state": self.filters.link()})
        self._run(self._fill(self.slots))

    def _hear_do(self, message: Mapping[str, Any]) -> None:
        deed = getattr(self, f"do_{message.get('deed')}", None)
        if deed is not None:
            value, number = str(message.get("value", ""))[:500], str(message.get("number") or "")[:40]
            self._run(self._deed(deed, value, number))

    async def _deed(
        self, deed: Callable[[str], Awaitable[Sequence[str] | None]], value: str, number: str
    ) -> None:
        """`do_<name>(value)` may return the names of the slots to fill again."""
        is_done = False
        try:
            again = await deed(value)
            is_done = True
        except HeadwayError as error:
            self._later({"notice": frame.in_short(self.visit.speech, error)})
            return
        finally:
            if number:  # what was typed stays in its field until this says that it is kept
                self._did.append((number, is_done))
                self._later({"did": orjson.dumps([*self._did]).decode()})
        self._later({"notice": "", "bar": frame.filter_bar(cast("Sheet", self))})
        await self._ask_again([slot for slot in self.slots if slot.name in (again or ())])

    def _hear_open(self, message: Mapping[str, Any]) -> None:
        name, what = str(message.get("slot")), message.get("what")
        card = self.cards.get(name)
        if card is None or what not in ("table", "about"):
            return
        sheet = cast("Sheet", self)
        body = about.table(sheet, card) if what == "table" else about.number(sheet, card)
        self._later(
            {"dialog": dumped({"title": card.title, "html": body, "at": datetime.now(UTC).timestamp()})}
        )

    def _hear_table(self, message: Mapping[str, Any]) -> None:
        name = str(message.get("slot"))
        slot = next((s for s in self.slots if s.name == name), None)
        if slot is not None:
            self.turns[name] = tables.turned(self.turns.get(name, tables.Turn()), message)
            self._run(self._ask_again([slot]))

    def _hear_again(self, message: Mapping[str, Any]) -> None:
        self._run(self._fill(self.slots) if self._is_ready else self._first())


def _span(name: str, value: str) -> tuple[date, date] | None:
    try:
        since = date.fromisoformat(value)
        return since, since + timedelta(days=SPANS[name])
    except (ValueError, OverflowError):
        return None


def dumped(content: dict[str, Any]) -> str:
    return orjson.dumps({k: str(v) if isinstance(v, Markup) else v for k, v in content.items()}).decode()
