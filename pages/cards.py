"""What stands in a card. Everything here returns `Markup`; whatever is not Markup is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from markupsafe import Markup

from models.ask import Answer

EMPTY = Markup("")
LONG = 10  # letters of a key figure; a longer one is set smaller
Tone = Literal["plain", "good", "watch", "urgent"]
_SHAPES = {"plain": "", "good": "▲", "watch": "◆", "urgent": "●"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as Bokeh's json_item text: drawn once per answer, sent as it is."""

    text: str
    alternative: str  # what it shows, in a sentence
    height: int = 240
    width: int = 0  # the least it can be read at; a narrower screen scrolls it
    newest_first: bool = False  # a scrolled one begins at its end


@dataclass(frozen=True, slots=True)
class Card:
    """`title` says the finding; `sub` what is shown. Text given here is escaped."""

    title: str = ""
    sub: str = ""
    body: Markup = EMPTY
    drawing: Drawing | None = None
    after: Markup = EMPTY  # below the drawing
    answers: tuple[Answer, ...] = ()  # filled by the sheet: table view, CSV, "what is this number"
    empty: str = ""  # said instead of body and drawing
    pictured: bool = False  # its body is a picture of the answer: the table stands behind a button
    file: bool = True  # can its answer be asked for again, by its address alone?
    figures: tuple[Figure, ...] = ()  # where it is made of key figures (pages/figures.py)


@dataclass(frozen=True, slots=True)
class Number:
    """What a key figure shows as a plain value, and the answer it was taken from."""

    value: float | None
    answer: Answer
    measure: str = ""  # the answer's column whose meaning and unit it has
    of: float | None = None  # "12 of 14"
    before: float | None = None  # what it is compared with
    unit: str = ""  # where the answer names none
    days: tuple[date, date] | None = (
        None  # the figure's own, where they are not the answer's; the last excluded
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure: a number with its unit, its period and something to compare it with."""

    label: str
    value: str
    compared: str = ""
    tone: Tone = "plain"
    spark: Markup = EMPTY
    href: str = ""
    number: Number | None = None


def join(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def paragraph(text: str, kind: str = "") -> Markup:
    return Markup('<p class="{}">{}</p>').format(kind, text)


def tone(text: str, kind: Tone) -> Markup:
    """A judgement: always a word, a shape and a colour together."""
    return Markup('<span class="tone {}"><span aria-hidden="true">{}</span> {}</span>').format(
        kind, _SHAPES[kind], text
    )


def figures(shown: Sequence[Figure]) -> Markup:
    return Markup('<dl class="figures">{}</dl>').format(join(_figure(f) for f in shown))


def _figure(figure: Figure) -> Markup:
    kind = "value long" if len(figure.value) > LONG else "value"
    value = Markup('<dd class="{}">{}</dd>').format(kind, figure.value)
    compared = (
        Markup("<dd class=compared>{}</dd>").format(
            tone(figure.compared, figure.tone) if figure.tone != "plain" else figure.compared
        )
        if figure.compared
        else Markup("")
    )
    label: str | Markup = figure.label
    if figure.href:
        label = Markup('<a href="{}" data-place>{}</a>').format(figure.href, figure.label)
    return Markup('<div class="figure"><dt>{}</dt>{}{}{}</div>').format(
        label, value, compared, Markup("<dd class=spark>{}</dd>").format(figure.spark) if figure.spark else ""
    )


def progress(share: float | None, label: str) -> Markup:
    """A bar with its number beside it; unknown is an empty bar and a word."""
    return Markup(
        '<span class="progress"><span class="track" aria-hidden="true">'
        '<span class="done" style="inline-size:{}%"></span></span><span class="number">{}</span></span>'
    ).format(round(100 * min(1.0, max(0.0, share or 0.0))), label)


def bullets(lines: Iterable[str | Markup]) -> Markup:
    return Markup("<ul>{}</ul>").format(join(Markup("<li>{}</li>").format(line) for line in lines))


def place_link(text: str, href: str) -> Markup:
    """Narrows the page without leaving it: `href` comes from `Filters.link`."""
    return Markup('<a href="{}" data-place>{}</a>').format(href, text)


def button(text: str, deed: str, value: str = "", kind: str = "quiet") -> Markup:
    """Sends `deed` and `value` to the sheet's `do_<deed>`."""
    return Markup('<button type="button" class="{}" data-do="{}" value="{}">{}</button>').format(
        kind, deed, value, text
    )


def sparkline(values: Sequence[float | None], label: str, width: int = 72, height: int = 24) -> Markup:
    """A line without axes, drawn as SVG; a gap stays a gap. The last value has a dot."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    x = [2 + i * (width - 6) / max(1, len(values) - 1) for i in range(len(values))]
    flat = 0.5 if low else 0.0  # what never moves stands in the middle, nothing at the foot
    share = [None if v is None else (v - low) / (high - low) if high > low else flat for v in values]
    y = [None if s is None else height - 3 - s * (height - 6) for s in share]
    path, pen = [], "M"
    for at, level in zip(x, y, strict=True):
        if level is not None:
            path.append(f"{pen}{at:.1f} {level:.1f}")
        pen = "M" if level is None else "L"
    last = max(i for i, level in enumerate(y) if level is not None)
    return Markup(
        '<svg class="sparkline" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">'
        '<path d="{}"/><circle cx="{:.1f}" cy="{:.1f}" r="2.5"/></svg>'
    ).format(label, width, height, width, height, "".join(path), x[last], y[last])
