"""The one card, the one error, the one empty state, the one filter bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from models.errors import HeadwayError, NotFound, NotSignedIn, Unavailable
from pages.cards import Card, join, place_link
from pages.filters import FRAMES, PERIODS
from pages.me import Choice
from pages.speech import Speech
from pages.texts import texts

if TYPE_CHECKING:
    from pages.sheet import Sheet, Slot


def card(sheet: Sheet, slot: Slot, shown: Card | None) -> Markup:
    if shown is None:
        return Markup("")
    return inside(slot.name, shown) + (Markup("") if shown.empty else _more(sheet, slot, shown))


def inside(name: str, shown: Card) -> Markup:
    """A card without what leads on from it."""
    head = Markup("")
    if shown.title:
        head = Markup('<h2 id="t-{}">{}</h2>').format(name, shown.title)
    if shown.sub:
        head += Markup('<p class="sub">{}</p>').format(shown.sub)
    if shown.empty:
        return head + Markup('<p class="empty">{}</p>').format(shown.empty)
    return head + shown.body + _drawing(shown) + shown.after


def _drawing(shown: Card) -> Markup:
    drawing = shown.drawing
    if drawing is None:
        return Markup("")
    place = Markup(
        '<div class="drawing" role="img" aria-label="{}" style="block-size:{}px;min-inline-size:{}px"></div>'
    ).format(drawing.alternative, drawing.height, drawing.width)
    if not drawing.width:
        return place
    return Markup('<div class="scroll{}" tabindex="0" role="group" aria-label="{}">{}</div>').format(
        " newest" if drawing.newest_first else "", shown.title, place
    )


def _more(sheet: Sheet, slot: Slot, shown: Card) -> Markup:
    """Words before numbers, numbers before charts, charts before tables; each one click away."""
    if not shown.answers:
        return Markup("")
    say = sheet.say
    opens = [Markup('<button type="button" data-open="about">{}</button>').format(say("card.about"))]
    if shown.drawing is not None or shown.pictured:
        opens.append(Markup('<button type="button" data-open="table">{}</button>').format(say("card.table")))
    if not (shown.file and sheet.visit.may_take_out):
        return Markup('<footer class="more">{}</footer>').format(join(opens))
    opens.append(
        Markup('<a href="/download{}/{}.csv{}" download>{}</a>').format(
            sheet.visit.page.path, slot.name, sheet.filters.link(), say("card.csv")
        )
    )
    return Markup('<footer class="more">{}</footer>').format(join(opens))


def problem(speech: Speech, error: HeadwayError) -> Card:
    """Each kind has its own sentence: what happened, what it means, what to do."""
    keys = {NotSignedIn: "problem.signed_out", Unavailable: "problem.away"}
    key = keys.get(type(error), f"problem.{error.code.replace('-', '_')}")
    title = speech.say(key if key in texts(speech.language) else "problem.error")
    if isinstance(error, NotSignedIn):
        way_on = Markup('<a class="button" href="/sign-in">{}</a>').format(speech.say("sign_in.again"))
    elif isinstance(error, NotFound):
        way_on = Markup('<a class="button" href="/">{}</a>').format(speech.say("problem.home"))
    else:
        way_on = Markup('<button type="button" data-again>{}</button>').format(speech.say("problem.again"))
    return Card(title=title, body=Markup('<p class="problem">{}</p>').format(_detail(speech, error)) + way_on)


def _detail(speech: Speech, error: HeadwayError) -> str:
    if isinstance(error, NotSignedIn):
        return speech.say("problem.signed_out_means")
    if isinstance(error, Unavailable):
        return speech.say("problem.away_means")
    if isinstance(error, NotFound):
        return speech.say("problem.page_404_means")
    return error.detail if speech.language == "en" else speech.say("problem.means")


def gone(sheet: Sheet, title: str, mark: str) -> Card:
    """The address names something that is not there: said in its own words, with the way on."""
    way_on = place_link(sheet.say(f"filter.without_{mark}"), sheet.filters.link(**{mark: None}))
    return Card(title, body=_sentence(sheet.say(f"filter.gone_{mark}")) + way_on, answers=())


def in_short(speech: Speech, error: HeadwayError) -> str:
    """For the one line at the top of a page: what was asked for was not done, and why."""
    return f"{speech.say('problem.not_done')} {_detail(speech, error)}"


def slow(speech: Speech) -> Card:
    again = Markup('<button type="button" data-again>{}</button>').format(speech.say("problem.again"))
    return Card(title=speech.say("problem.slow"), body=_sentence(speech.say("problem.slow_means")) + again)


def broken(speech: Speech) -> Card:
    again = Markup('<button type="button" data-again>{}</button>').format(speech.say("problem.again"))
    return Card(title=speech.say("problem.error"), body=_sentence(speech.say("problem.error_means")) + again)


def _sentence(text: str) -> Markup:
    return Markup('<p class="problem">{}</p>').format(text)


def filter_bar(sheet: Sheet) -> Markup:
    """Native selects: they work by keyboard, by touch and with every screen reader."""
    parts = [_BAR[name](sheet) for name in sheet.visit.page.filters]
    parts += [_mark(sheet, name, value) for name, value in sheet.filters.marks.items()]
    problems = dict.fromkeys(sheet.filters.problems)
    notes = join(Markup('<p class="note" role="status">{}</p>').format(sheet.say(key)) for key in problems)
    if problems:
        notes += Markup('<a class="button" href="?" data-place>{}</a>').format(sheet.say("filter.usual"))
    return join(parts) + notes


def _select(name: str, label: str, options: Sequence[Choice], chosen: str | None) -> Markup:
    rows = join(
        Markup('<option value="{}"{}>{}</option>').format(
            o.value, Markup(" selected") if o.value == (chosen or "") else "", o.label
        )
        for o in options
    )
    return Markup(
        '<label class="filter"><span>{}</span><select name="{}" data-filter>{}</select></label>'
    ).format(label, name, rows)


def _period(sheet: Sheet) -> Markup:
    options = [Choice(p, sheet.say(f"filter.{p.replace('-', '_')}")) for p in PERIODS]
    if sheet.filters.period == "own":
        options.append(Choice("own", sheet.visit.speech.span(sheet.filters.since, sheet.filters.until)))
    return _select("period", sheet.say("filter.period"), options, sheet.filters.period)


def _frame(sheet: Sheet) -> Markup:
    options = [Choice(frame, sheet.say(f"filter.by_{frame}")) for frame in FRAMES]
    return _select("frame", sheet.say("filter.frame"), options, sheet.filters.frame)


def _course(sheet: Sheet) -> Markup:
    every = Choice("", sheet.say("filter.every_course"))
    return _select(
        "course", sheet.say("filter.course"), (every, *sheet.offered.courses), sheet.filters.course
    )


def _class(sheet: Sheet) -> Markup:
    every = Choice("", sheet.say("filter.every_class"))
    return _select("class", sheet.say("filter.class"), (every, *sheet.offered.classes), sheet.filters.class_)


def _child(sheet: Sheet) -> Markup:
    children = sheet.offered.children
    if len(children) < 2:
        return Markup("")
    return _select("child", sheet.say("filter.child"), children, sheet.filters.child or children[0].value)


_BAR = {"period": _period, "frame": _frame, "course": _course, "class": _class, "child": _child}


def _mark(sheet: Sheet, name: str, value: str) -> Markup:
    """What a click narrowed the page to, and the way back."""
    text = sheet.say("filter.only", what=sheet.mark_label(name, value))
    return Markup('<a class="mark" href="{}" data-place>{} <span aria-hidden="true">×</span></a>').format(
        sheet.filters.link(**{name: None}), text
    )
