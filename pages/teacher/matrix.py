"""Risk against engagement: one dot a learner. As SVG each dot is a link, with a name when focused.

No dot lies on another: whoever would is moved to the nearest free place, sooner aside than up or down.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from compute import attention
from pages.cards import join
from pages.teacher.why import flag, reason_tone

if TYPE_CHECKING:
    from pages.sheet import Sheet
    from pages.teacher.roster import Learner

WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 24, 48, 44
_DOT = 8
_STEP = 2 * _DOT + 1
# Places to try, the nearest first; how far up a dot stands says more than how far right.
_TRIED = sorted(
    ((across * _STEP, up * _STEP) for across in range(-8, 13) for up in range(-4, 5)),
    key=lambda moved: (math.hypot(moved[0], 3 * moved[1]), moved),
)


def matrix(sheet: Sheet, learners: Sequence[Learner]) -> Markup:
    """Left is seldom here, right is often here; further up more rules speak."""
    say = sheet.say
    highest = max([attention.urgency(one.reasons) for one in learners] + [1.0])
    middle = statistics.median(one.engagement for one in learners)
    # The axis ends where the class does, in fifths: a class that is seldom here is not a heap at the left.
    widest = max(1, math.ceil(max(one.engagement for one in learners) * 5)) / 5
    placed = _placed(learners, highest, widest)
    dots = join(_dot(sheet, one, x, y) for one, x, y in placed)
    line = _x(middle, widest)
    return Markup(
        '<div class="scroll" tabindex="0" role="group" aria-label="{}">'
        '<svg class="matrix" viewBox="0 0 {} {}" role="group" aria-label="{}">'
        '<line class="rule" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<line class="middle" x1="{:.0f}" y1="{}" x2="{:.0f}" y2="{}"/>'
        '<text x="{:.0f}" y="{}">{}</text><text x="{}" y="{}">{}</text>'
        '<text x="{}" y="{}" text-anchor="end">{}</text><text x="{}" y="16">{}</text>{}</svg></div>'
    ).format(
        say("teacher.matrix_text"),
        WIDTH,
        HEIGHT,
        say("teacher.matrix_text"),
        _LEFT,
        HEIGHT - _BOTTOM,
        WIDTH - _RIGHT,
        HEIGHT - _BOTTOM,
        line,
        _TOP,
        line,
        HEIGHT - _BOTTOM,
        line + 6,
        34,
        say("teacher.matrix_middle", share=sheet.visit.speech.share(middle)),
        _LEFT,
        HEIGHT - 14,
        say("teacher.matrix_seldom"),
        WIDTH - _RIGHT,
        HEIGHT - 14,
        say("teacher.matrix_often", share=sheet.visit.speech.share(widest)),
        _LEFT,
        say("teacher.matrix_up"),
        dots,
    )


def _height(one: Learner) -> float:
    return attention.urgency(one.reasons)


def _x(engagement: float, widest: float) -> float:
    return _LEFT + _DOT + engagement / widest * (WIDTH - _LEFT - _RIGHT - 2 * _DOT)


def _placed(learners: Sequence[Learner], highest: float, widest: float) -> list[tuple[Learner, float, float]]:
    """Who needs a look most has the first choice. Where no place is free near by, dots lie on each other."""
    taken: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    full: set[tuple[float, float]] = set()
    placed = []
    floor = HEIGHT - _BOTTOM - _DOT - 2
    for one in sorted(learners, key=lambda each: (-_height(each), each.learner_id)):
        x = _x(one.engagement, widest)
        y = floor - _height(one) / highest * (floor - _TOP - 2 * _DOT)
        tries = ((x + across, y + up) for across, up in _TRIED)
        free = (place for place in tries if _is_inside(*place, floor) and _is_free(taken, *place))
        place = None if (x, y) in full else next(free, None)
        if place is None:
            full.add((x, y))  # a thousand learners who did nothing are not looked a place for one by one
        x, y = place or (x, y)
        taken[_cell(x, y)].append((x, y))
        placed.append((one, x, y))
    return placed


def _is_inside(x: float, y: float, floor: float) -> bool:
    return _LEFT + _DOT <= x <= WIDTH - _RIGHT - _DOT and _TOP + _DOT <= y <= floor


def _cell(x: float, y: float) -> tuple[int, int]:
    return int(x // _STEP), int(y // _STEP)


def _is_free(taken: dict[tuple[int, int], list[tuple[float, float]]], x: float, y: float) -> bool:
    column, row = _cell(x, y)
    near = ((column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1))
    return all(math.hypot(a - x, b - y) >= 2 * _DOT for cell in near for a, b in taken.get(cell, ()))


def _dot(sheet: Sheet, one: Learner, x: float, y: float) -> Markup:
    name = one.name or sheet.say("teacher.nameless")
    why = ", ".join(flag(sheet, reason) for reason in one.reasons) or sheet.say("teacher.fine")
    share = sheet.visit.speech.share(one.engagement)
    said = sheet.say("teacher.matrix_dot", name=name, share=share, why=why)
    kind = reason_tone(one.reasons[0]) if one.reasons else "good"
    at_right = x > WIDTH * 0.72
    return Markup(
        '<a href="/learner?child={}" class="dot {}" aria-label="{}"><title>{}</title>'
        '<circle cx="{:.1f}" cy="{:.1f}" r="{}"/><text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text></a>'
    ).format(
        one.learner_id,
        kind,
        said,
        said,
        x,
        y,
        _DOT,
        x - 13 if at_right else x + 13,
        y + 5,
        "end" if at_right else "start",
        name,
    )
