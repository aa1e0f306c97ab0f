"""What the pages about one learner ask of the questions about learners."""

from __future__ import annotations

from dataclasses import replace

from models.ask import Answer, Ask
from pages.rows import Row, rows_of
from pages.sheet import Asking, Sheet


async def answer_about(sheet: Sheet, ask: Asking, question: str, **options: str) -> Answer:
    """Over the question's own usual span: the page's period is not what it looks at."""
    wish = Ask(question=question, options=tuple(options.items()))
    narrowed = replace(sheet.filters, marks={}).narrow(wish)
    return await ask.put(replace(narrowed, since=None, until=None), within=False)


async def rows_about(sheet: Sheet, ask: Asking, question: str, **options: str) -> list[Row]:
    return rows_of(await answer_about(sheet, ask, question, **options))
