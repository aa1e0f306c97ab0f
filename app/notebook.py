"""What a notebook begins with: a desk by address and token, and pages and charts as live panels.

    from app.notebook import charts, open_desk
    desk = open_desk()
    desk.ask("active_learners, mean_score by week").pandas()
    desk.page("/quality")

`./headway notebook` puts address and token into the environment; elsewhere both are given to `open_desk`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from markupsafe import Markup

from app.token_desk import TokenDesk, looked
from compute.as_table import Table, as_table
from compute.grammar import parse
from models.ask import Answer, Ask
from models.errors import NotSignedIn
from pages import PAGES, charts, notebook
from pages.cards import Drawing
from pages.speech import Speech

if TYPE_CHECKING:
    import pandas as pd

ADDRESS, TOKEN = "NOTEBOOK_ADDRESS", "NOTEBOOK_TOKEN"
MOST_SHOWN = 20
__all__ = ["Asked", "NotebookDesk", "charts", "open_desk"]


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer in the forms people work with."""

    answer: Answer

    @property
    def arrow(self) -> pa.Table:
        return self.answer.table

    def pandas(self) -> pd.DataFrame:
        frame: pd.DataFrame = self.answer.table.to_pandas()
        return frame

    def ibis(self) -> Table:
        return as_table(self.answer.table)

    def _repr_html_(self) -> str:
        rows = self.answer.table.slice(0, MOST_SHOWN).to_pylist()
        head = Markup("").join(Markup("<th>{}</th>").format(n) for n in self.answer.table.column_names)
        body = Markup("").join(
            Markup("<tr>{}</tr>").format(
                Markup("").join(Markup("<td>{}</td>").format("" if v is None else v) for v in row.values())
            )
            for row in rows
        )
        told = f"{self.answer.table.num_rows} rows as of {self.answer.as_of:%Y-%m-%d %H:%M} UTC"
        notes = ". ".join([told, *self.answer.notes])
        return str(
            Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table><p>{}</p>").format(
                head, body, notes
            )
        )


class NotebookDesk:
    """Asks, and shows. A cell needs no `await`: an answer is there when its line is done."""

    def __init__(self, token: str, url: str) -> None:
        self._desk = TokenDesk.open(token, url)
        self._me = looked("me", token, url)
        self.speech = Speech(str(self._me["locale"]), str(self._me["zone"]))

    @property
    def today(self) -> date:
        """The school's own day."""
        return date.fromisoformat(self._me["today"])

    def ask(self, question: str | Ask) -> Asked:
        """`"active_learners, mean_score by week since 2026-03-01"`, or an Ask."""
        return Asked(self._desk.ask_now(parse(question) if isinstance(question, str) else question))

    def chart(
        self, draw: Callable[..., Drawing], asked: Asked, title: str = "", **how: Any
    ) -> notebook.Chart:
        """One of `charts`, as the pages draw it: `desk.chart(charts.line, weeks, x="week")`."""
        return notebook.Chart(draw(asked.answer, self.speech, **how), title)

    def page(self, path: str, **query: str) -> Any:
        """A page of the site, live in the cell: `desk.page("/quality", period="90d")`."""
        return notebook.page(self._desk, self._me, path, query, PAGES)


def open_desk(address: str | None = None, token: str | None = None) -> NotebookDesk:
    """Of the Headway that `./headway notebook` was started for, or of the one at `address`."""
    address = address or os.environ.get(ADDRESS, "")
    token = token or os.environ.get(TOKEN, "")
    if not address or not token:
        raise NotSignedIn(
            "No address or token. Start the notebook with ./headway notebook, or say "
            'open_desk("http://host:port", "token"); ./headway token create makes a token.'
        )
    notebook.ready()
    return NotebookDesk(token, address)
