"""A table that is read: sorted, searched and paged on the server, written as plain HTML.

Ten thousand rows cost the browser no more than one page of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from pages.cards import join
from pages.speech import Speech

PAGE_ROWS = 25


@dataclass(frozen=True, slots=True)
class Turn:
    """How a reader turned a table: its order, its search words, its page."""

    order: str = ""  # a column's name; "-name" is descending
    find: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """`key` orders and is searched; `show` writes the cell (Markup, or text that is escaped)."""

    name: str
    title: str
    show: Callable[[Mapping[str, Any]], str | Markup]
    key: Callable[[Mapping[str, Any]], Any] | None = None
    numeric: bool = False
    find: bool = False


def turned(turn: Turn, message: Mapping[str, Any]) -> Turn:
    """A browser's wish, checked."""
    order, find, page = message.get("order"), message.get("find"), message.get("page")
    if isinstance(order, str):
        turn = replace(turn, order=order[:80], page=0)
    if isinstance(find, str):
        turn = replace(turn, find=find[:80], page=0)
    if isinstance(page, int) and 0 <= page < 1_000_000:
        turn = replace(turn, page=page)
    return turn


def table(
    speech: Speech,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    turn: Turn,
    caption: str,
    stacked: bool = True,
) -> Markup:
    """`caption` names the table to a screen reader. `stacked`: on a phone each row is a small card; else the
    columns scroll sideways past the first, for a table whose columns are read against each other."""
    found = ordered(searched(rows, columns, turn.find), columns, turn.order)
    page = min(turn.page, max(0, (len(found) - 1) // PAGE_ROWS))
    shown = found[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]
    return Markup(
        '<div class="table{}" data-table>{}<div class="scroll" tabindex="0" role="region" aria-label="{}">'
        '<table><caption class="unseen">{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        '</div><p class="sideways" aria-hidden="true">{}</p>{}</div>'
    ).format(
        " stacked-table" if stacked else "",
        _search(speech, columns, turn, len(rows)),
        caption,
        caption,
        join(_head(speech, c, turn) for c in columns),
        join(_row(row, columns) for row in shown) or _nothing(speech, len(columns)),
        speech.say("table.sideways"),
        _pager(speech, page, len(found)),
    )


def searched(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], find: str
) -> Sequence[Mapping[str, Any]]:
    words = find.casefold().split()
    keys = [_key(c) for c in columns if c.find]
    if not words or not keys:
        return rows

    def text(row: Mapping[str, Any]) -> str:
        return " ".join(str(key(row)) for key in keys).casefold()

    return [row for row in rows if all(word in text(row) for word in words)]


def ordered(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], order: str
) -> Sequence[Mapping[str, Any]]:
    """The unknown stands last in either direction."""
    column = next((c for c in columns if c.name == order.removeprefix("-")), None)
    if column is None:
        return rows
    key = _key(column)
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]
    return [*sorted(known, key=lambda row: _sortable(key(row)), reverse=order.startswith("-")), *unknown]


def _key(column: Column) -> Callable[[Mapping[str, Any]], Any]:
    return column.key or (lambda row: row.get(column.name))


def _sortable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _head(speech: Speech, column: Column, turn: Turn) -> Markup:
    now = {column.name: "ascending", f"-{column.name}": "descending"}.get(turn.order, "none")
    wish = f"-{column.name}" if turn.order == column.name else column.name
    shape = {"ascending": "▲", "descending": "▼", "none": ""}[now]
    return Markup(
        '<th scope="col" aria-sort="{}"{}><button type="button" data-order="{}">{}'
        ' <span aria-hidden="true">{}</span></button></th>'
    ).format(now, Markup(' class="number"') if column.numeric else "", wish, column.title, shape)


def _row(row: Mapping[str, Any], columns: Sequence[Column]) -> Markup:
    cells = []
    for at, column in enumerate(columns):
        kind = Markup(' class="number"') if column.numeric else ""
        if at == 0:
            cells.append(Markup('<th scope="row"{}>{}</th>').format(kind, column.show(row)))
        else:
            cell = Markup('<td{} data-label="{}">{}</td>')
            cells.append(cell.format(kind, column.title, column.show(row)))
    return Markup("<tr>{}</tr>").format(join(cells))


def _nothing(speech: Speech, width: int) -> Markup:
    return Markup('<tr><td colspan="{}">{}</td></tr>').format(width, speech.say("table.nothing"))


def _search(speech: Speech, columns: Sequence[Column], turn: Turn, count: int) -> Markup:
    if count <= PAGE_ROWS // 2 or not any(c.find for c in columns):
        return Markup("")
    return Markup(
        '<label class="find"><span>{}</span><input type="search" value="{}" data-find></label>'
    ).format(speech.say("table.find"), turn.find)


def _pager(speech: Speech, page: int, count: int) -> Markup:
    if count <= PAGE_ROWS:
        return Markup("")
    last = (count - 1) // PAGE_ROWS
    where = speech.say(
        "table.where", first=page * PAGE_ROWS + 1, last=min(count, (page + 1) * PAGE_ROWS), count=count
    )
    return Markup('<div class="pager">{}<span aria-live="polite">{}</span>{}</div>').format(
        _step(speech.say("table.back"), page - 1, page > 0),
        where,
        _step(speech.say("table.on"), page + 1, page < last),
    )


def _step(text: str, page: int, can: bool) -> Markup:
    return Markup('<button type="button" data-page="{}"{}>{}</button>').format(
        max(0, page), "" if can else Markup(" disabled"), text
    )
