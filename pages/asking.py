"""A card's place on a page, and the questions that fill it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.ask import Answer, Ask
from pages.filters import Filters

if TYPE_CHECKING:
    from pages.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a card, of its final size from the first moment."""

    name: str  # the sheet's method that fills it
    span: int = 12  # of twelve columns on a desktop; a phone has one
    height: int = 120  # pixels its content will take
    live: bool = False  # asked again whenever data moves; the others once a minute
    alone: bool = False  # tells of the reader's own learners and nobody else: asked again when they learned
    bare: bool = False  # no frame around it: a greeting, a row of figures
    stays: bool = False  # beside a longer neighbour it stays in sight
    rows: int = 1  # on a wide desktop, how many of its neighbours' rows it stands beside


class Asking:
    """One card's questions: within the page's filters, and remembered for "what is this number"."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.filters = sheet.filters
        self.answers: list[Answer] = []

    async def __call__(
        self,
        *measures: str,
        by: str | Sequence[str] = (),
        filters: Filters | None = None,
        within: bool = True,
        **parts: Any,
    ) -> Answer:
        """Measures of the catalogue by dimensions; `within=False` asks past the page's filters."""
        by = (by,) if isinstance(by, str) else tuple(by)
        ask = Ask(measures=measures, by=by, **parts)
        return await self.put(ask, filters=filters, within=within)

    async def put(self, ask: Ask, filters: Filters | None = None, within: bool = True) -> Answer:
        if within:
            ask = (filters or self.filters).narrow(ask)
        answer = await self._sheet.visit.desk.ask(ask)
        self.answers.append(answer)
        return answer

    async def before(self, *measures: str, by: str | Sequence[str] = (), **parts: Any) -> Answer:
        """The same over the span before, to compare with. Not shown in the table view."""
        answer = await self(*measures, by=by, filters=self.filters.before, **parts)
        self.answers.remove(answer)
        return answer

    @property
    def newest(self) -> Answer:
        """The answer just given."""
        return self.answers[-1]

    async def names(self, learners: Sequence[int]) -> Mapping[int, str]:
        """Display names, looked up at render and kept nowhere."""
        return await self._sheet.visit.desk.names(learners)
