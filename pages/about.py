"""Behind a card: its answer as a table, as a file, and what its number means."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

from models.ask import Answer, ColumnMeaning
from pages.cards import Card, Figure, Number, join, place_link
from pages.figures import asked_days, days_of
from pages.speech import Speech

if TYPE_CHECKING:
    from pages.sheet import Sheet

MOST_ROWS = 400  # of a table in a dialog; the file has all of them


def table(sheet: Sheet, card: Card) -> Markup:
    return _figures(sheet, card) if card.figures else join(_table(sheet, answer) for answer in card.answers)


def _figures(sheet: Sheet, card: Card) -> Markup:
    heads = ("about.figure", "about.shown", "about.compared", "about.period")
    head = join(Markup('<th scope="col">{}</th>').format(sheet.say(key)) for key in heads)
    body = join(
        Markup(
            '<tr><th scope="row">{}</th><td class="number">{}</td><td>{}</td><td class="days">{}</td></tr>'
        ).format(figure.label, figure.value, figure.compared, _days(sheet, figure.number))
        for figure in card.figures
    )
    return Markup(
        '<div class="scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(head, body)


def _days(sheet: Sheet, number: Number | None) -> str:
    days = days_of(number) if number is not None else None
    return sheet.visit.speech.span(*days) if days else ""


def _table(sheet: Sheet, answer: Answer) -> Markup:
    speech = sheet.visit.speech
    columns = columns_of(answer)
    head = join(Markup('<th scope="col">{}</th>').format(heading(speech, c)) for c in columns)
    rows = answer.table.slice(0, MOST_ROWS).to_pylist()
    body = join(
        Markup("<tr>{}</tr>").format(
            join(Markup("<td{}>{}</td>").format(_number(c), _linked(sheet, c, row[c.name])) for c in columns)
        )
        for row in rows
    )
    rest = answer.table.num_rows - len(rows)
    told = speech.say("table.rest" if sheet.visit.may_take_out else "table.left_out", n=rest)
    note = Markup('<p class="sub">{}</p>').format(told) if rest > 0 else Markup("")
    return Markup(
        '<div class="scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{}'
    ).format(head, body, note)


def _linked(sheet: Sheet, column: ColumnMeaning, value: object) -> str | Markup:
    """What a tap on the chart does, for the keyboard: the value narrows the page."""
    shown = cell(sheet.visit.speech, value, column.unit)
    if value is None or column.name not in sheet.taken:
        return shown
    if column.name in sheet.marks and column.name != "day":
        shown = sheet.mark_label(column.name, str(value))
    return place_link(shown, sheet.narrowed(column.name, str(value)))


def _number(column: ColumnMeaning) -> Markup:
    return Markup(' class="number"') if column.kind == "measure" else Markup("")


def columns_of(answer: Answer) -> tuple[ColumnMeaning, ...]:
    known = {c.name: c for c in answer.columns}
    return tuple(known.get(n, ColumnMeaning(n, "detail")) for n in answer.table.column_names)


def heading(speech: Speech, column: ColumnMeaning) -> str:
    return speech.column(column.name)


def cell(speech: Speech, value: object, unit: str = "") -> str:
    if value is None:
        return speech.say("word.unknown")
    if isinstance(value, bool):
        return speech.say("word.yes" if value else "word.no")
    if isinstance(value, datetime):
        return speech.moment(value)
    if isinstance(value, date):
        return speech.day(value, "yMMMEd")
    if isinstance(value, int | float):
        return speech.measured(value, unit)
    return str(value)


def number(sheet: Sheet, card: Card) -> Markup:
    """What is this number: meaning, filters, rows, as of when."""
    if card.figures:
        return join(_figure(sheet, figure) for figure in card.figures)
    speech = sheet.visit.speech
    seen: dict[str, ColumnMeaning] = {c.name: c for a in card.answers for c in columns_of(a)}
    meanings = [
        Markup("<dt>{}</dt><dd>{}</dd>").format(heading(speech, c), c.meaning)
        for c in seen.values()
        if c.kind == "measure"
    ]
    facts = (fact for a in card.answers[:1] for fact in _facts(sheet, a, asked_days(a)))
    return Markup('<dl class="about">{}{}</dl>').format(join(meanings), _listed(facts))


def _figure(sheet: Sheet, figure: Figure) -> Markup:
    """Each figure has a meaning, a period and a source of its own."""
    number = figure.number
    if number is None:
        return Markup("")
    meant = [
        (heading(sheet.visit.speech, c), c.meaning)
        for c in number.answer.columns
        if c.name == number.measure and c.meaning
    ]
    facts = (*meant, *_facts(sheet, number.answer, days_of(number), with_rows=False))
    return Markup('<h3>{}: {}</h3><dl class="about">{}</dl>').format(
        figure.label, figure.value, _listed(facts)
    )


def _listed(facts: Iterable[tuple[str, str]]) -> Markup:
    return join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts)


def _facts(
    sheet: Sheet, answer: Answer, days: tuple[date, date] | None, with_rows: bool = True
) -> Iterator[tuple[str, str]]:
    speech, say = sheet.visit.speech, sheet.say
    if days:
        yield say("about.period"), speech.span(*days)
    if answer.ask.where:
        yield say("about.filters"), "; ".join(_where(sheet, w.dimension, w.values) for w in answer.ask.where)
    if with_rows:
        yield say("about.rows"), speech.number(answer.table.num_rows)
    if answer.suppressed:
        yield say("about.hidden"), say("about.hidden_why", n=answer.suppressed)
    yield say("about.as_of"), speech.moment(answer.as_of)
    if answer.source:
        yield say("about.source"), answer.source
    for note in answer.notes:
        yield say("about.note"), note


def _where(sheet: Sheet, dimension: str, values: tuple[object, ...]) -> str:
    named = ", ".join(sheet.mark_label(dimension, str(v)) for v in values)
    return f"{sheet.visit.speech.column(dimension)}: {named}"


def csv_of(answer: Answer) -> bytes:
    """The same query as a file: plain values, UTF-8 with a mark for Excel, no cell that is a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(answer.table.column_names)
    for batch in answer.table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            writer.writerow([_plain(value) for value in row.values()])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _plain(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value
