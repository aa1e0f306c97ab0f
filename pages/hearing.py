"""What a page hears from its browser. All of it was sent by a browser: checked before it is believed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
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


class Hearing:
    """One method a kind of message. Mixed into the sheet, whose state it turns."""

    slots: ClassVar[tuple[Slot, ...]] = ()
    marks: ClassVar[tuple[str, ...]] = ()  # dimensions a click may narrow the page by
    visit: Visit
    offered: Offered
    filters: Filters
    cards: dict[str, Card]
    turns: dict[str, tables.Turn]

    if TYPE_CHECKING:  # what the sheet does

        def read_query(self, query: Mapping[str, str]) -> Filters: ...
        def _later(self, news: dict[str, Any]) -> None: ...
        def _run(self, work: Coroutine[Any, Any, None]) -> None: ...
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

    def place(self, query: Mapping[str, str]) -> None:
        """The URL changed: ask everything again."""
        self.filters = filters.checked(self.read_query(query), self.offered)
        self._later({"state": self.filters.link()})
        self._run(self._fill(self.slots))

    def _hear_pick(self, message: Mapping[str, Any]) -> None:
        mark = message.get("mark")
        if message.get("slot") in self.cards and isinstance(mark, dict):
            known = {str(k): str(v)[:200] for k, v in mark.items() if k in self.marks and v is not None}
            if known:
                self.picked(str(message["slot"]), known)

    def picked(self, slot: str, mark: Mapping[str, str]) -> None:
        """A click on a mark narrows the page; a second click on it widens it again."""
        marks = {k: v for k, v in self.filters.marks.items() if k not in mark}
        if any(self.filters.marks.get(k) != v for k, v in mark.items()):
            marks.update(mark)
        self.filters = replace(self.filters, marks=marks)
        self._later({"state": self.filters.link()})
        self._run(self._fill(self.slots))

    def narrowed(self, name: str, value: str) -> str:
        """Where a click on a mark leads: the same for who reads the chart as a table."""
        return self.filters.link(**{name: value})

    def _hear_do(self, message: Mapping[str, Any]) -> None:
        deed = getattr(self, f"do_{message.get('deed')}", None)
        if deed is not None:
            self._run(self._deed(deed, str(message.get("value", ""))[:500]))

    async def _deed(self, deed: Callable[[str], Awaitable[Sequence[str] | None]], value: str) -> None:
        """`do_<name>(value)` may return the names of the slots to fill again."""
        try:
            again = await deed(value)
        except HeadwayError as error:
            self._later({"notice": frame.in_short(self.visit.speech, error)})
            return
        self._later({"notice": ""})
        await self._fill([slot for slot in self.slots if slot.name in (again or ())])

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
        self._run(self._first() if not self.offered.known else self._fill(self.slots))


def dumped(content: dict[str, Any]) -> str:
    return orjson.dumps({k: str(v) if isinstance(v, Markup) else v for k, v in content.items()}).decode()
