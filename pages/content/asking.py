"""Questions of the pages about content: within course, class and period; a mark only where it is meant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.ask import Answer, Ask, Where

if TYPE_CHECKING:
    from pages.sheet import Asking, Sheet


async def content(sheet: Sheet, ask: Asking, question: str, **where: str) -> Answer:
    narrowed = tuple(Where(name, "=", (value,)) for name, value in where.items())
    wide = replace(sheet.filters, marks={})
    return await ask.put(Ask(question=question, where=narrowed), filters=wide)


async def as_of(sheet: Sheet, ask: Asking, question: str, **where: str) -> Answer:
    """What is known by the period's end: everything before counts, whenever it was."""
    narrowed = tuple(Where(name, "=", (value,)) for name, value in where.items())
    wide = replace(sheet.filters, marks={})
    wish = Ask(question=question, where=narrowed + wide.where, until=wide.until)
    return await ask.put(wish, within=False)
