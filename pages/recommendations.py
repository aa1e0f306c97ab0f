"""The next best step in words, with why, what it brings, and the reader's own say in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from models.ask import Ask
from models.errors import HeadwayError
from pages.cards import Card, button, join, paragraph, tone
from pages.device import device_behind
from pages.rows import Row, rows_of

if TYPE_CHECKING:
    from pages.places import Visit
    from pages.sheet import Asking, Sheet

SHOWN_AFTER_S = 4.0  # what was on screen for a moment only was not shown
RATINGS = (("help_much", 5), ("help_some", 3), ("help_not", 1))


def step_words(sheet: Sheet, row: Mapping[str, Any]) -> tuple[str, str, str]:
    """What to do, why, and what it brings."""
    say, speech = sheet.say, sheet.visit.speech
    strategy = row["strategy"]
    amount = int(row["amount"] or 0)
    parts = {
        "target": row["target_title"],
        "course": row["course_title"] or "",
        "because": row["reason"] or "",
    }
    what = say(f"recommend.{strategy}", **parts)
    why = say(f"recommend.why_{strategy}", n=amount, **parts)
    if strategy == "due":
        why = say(f"recommend.why_due_{'today' if amount <= 0 else 'days'}", n=amount, **parts)
    brings = {
        "progress": lambda: say(
            "recommend.brings_progress",
            now=speech.share(row["expected_now"]),
            then=speech.share(row["expected_then"]),
            **parts,
        ),
        "mastery": lambda: say(
            "recommend.brings_mastery",
            now=speech.share(row["expected_now"]),
            then=speech.share(row["expected_then"]),
        ),
        "keep": lambda: say("recommend.brings_keep"),
        "on_time": lambda: say("recommend.brings_on_time"),
    }[row["expected_kind"]]()
    return what, why, brings


def steps_of(sheet: Sheet, row: Mapping[str, Any]) -> tuple[str, str, str]:
    """The same spoken of somebody else: what, why and what it brings."""
    say, speech = sheet.say, sheet.visit.speech
    what = say(f"recommend.{row['strategy']}_they", target=row["target_title"])
    brings = ""
    if row["expected_then"] is not None:
        now, then = speech.share(row["expected_now"]), speech.share(row["expected_then"])
        brings = say(f"recommend.brings_{row['expected_kind']}_they", now=now, then=then)
    return what, say(f"recommend.rule_{row['strategy']}_they"), brings


async def read_steps(sheet: Sheet, ask: Asking) -> list[Row]:
    wish = Ask(
        question="recommendations",
        where=replace(sheet.filters, marks={}, course=None).where,
        until=sheet.today + timedelta(days=1),
    )
    return rows_of(await ask.put(wish, within=False))


async def next_step_card(sheet: Sheet, ask: Asking) -> Card | None:
    """For the learner: the best step that was not put off, and what else there is. None: nothing to do."""
    rows = await read_steps(sheet, ask)
    said = _said(sheet)
    open_ = [row for row in rows if row["rank"] and said.get(row["recommendation_id"]) != "rejected"]
    open_.sort(key=lambda row: said.get(row["recommendation_id"]) != "accepted")  # a choice is heard at once
    done = [row for row in rows if not row["rank"] and said.get(row["recommendation_id"]) != "rated"]
    _follow(sheet, open_[:1], done)
    after = join(_done(sheet, row) for row in done[:1])
    if not open_:
        return Card(sheet.say("recommend.nothing"), body=after) if done else None
    best = open_[0]
    what, why, brings = step_words(sheet, best)
    body = paragraph(_why_long(sheet, best, why))
    body += _choices(sheet, best, said.get(best["recommendation_id"]) or best["said"] or "")
    body += Markup('<details><summary>{}</summary><p class="sub">{} {}</p>{}</details>').format(
        sheet.say("recommend.why"),
        brings,
        sheet.say(f"recommend.rule_{best['strategy']}"),
        _others(sheet, best, open_[1:]),
    )
    return Card(what, body=body, after=after)


def _why_long(sheet: Sheet, row: Mapping[str, Any], why: str) -> str:
    minutes = int(row["minutes"] or 0)
    return f"{why} {sheet.say('recommend.minutes', n=minutes)}" if minutes else why


def _choices(sheet: Sheet, row: Mapping[str, Any], said: str) -> Markup:
    say, name = sheet.say, _packed(row)
    if said == "accepted":
        return Markup('<p class="votes">{}</p>').format(tone(say("recommend.taken"), "good"))
    return Markup('<p class="votes">{} {}</p>').format(
        button(say("recommend.accept"), "take_step", name, "primary"),
        button(say("recommend.reject"), "refuse_step", name),
    )


def _others(sheet: Sheet, best: Row, rows: Sequence[Row]) -> Markup:
    if not rows:
        return Markup("")
    lines = join(
        Markup("<li>{} {}</li>").format(
            step_words(sheet, row)[0],
            button(
                sheet.say("recommend.instead"), "change_step", f"{best['recommendation_id']} {_packed(row)}"
            ),
        )
        for row in rows
    )
    return Markup("<p>{}</p><ul>{}</ul>").format(sheet.say("recommend.others"), lines)


def _done(sheet: Sheet, row: Mapping[str, Any]) -> Markup:
    votes = join(
        button(sheet.say(f"recommend.{key}"), "rate_step", f"{row['recommendation_id']} {rating}")
        for key, rating in RATINGS
    )
    return Markup('<p class="votes">{} {}</p>').format(tone(sheet.say("recommend.done"), "good"), votes)


def _packed(row: Mapping[str, Any]) -> str:
    return f"{row['recommendation_id']} {row['strategy']} {row['target_id']}"


def _said(sheet: Any) -> dict[str, str]:
    """What the learner said since the page was opened: answers are a minute behind."""
    if not hasattr(sheet, "said_of_steps"):
        sheet.said_of_steps = {}
    said: dict[str, str] = sheet.said_of_steps
    return said


def _follow(sheet: Any, shown: Sequence[Row], done: Sequence[Row]) -> None:
    """Tells, once and when the reader has had time to read, what was shown and what turned out done."""
    if sheet.visit.me.role != "student" or not hasattr(sheet, "said_of_steps"):
        return
    told = sheet.__dict__.setdefault("told_of_steps", set())
    ended = [row for row in done if row["said"] != "completed"]
    fresh = [("shown", row) for row in shown] + [("completed", row) for row in ended]
    fresh = [(step, row) for step, row in fresh if (step, row["recommendation_id"]) not in told]
    told.update((step, row["recommendation_id"]) for step, row in fresh)
    if fresh and sheet.is_open:
        sheet.run(_tell(sheet, fresh))


async def _tell(sheet: Any, fresh: Sequence[tuple[str, Row]]) -> None:
    await asyncio.sleep(SHOWN_AFTER_S)
    for step, row in fresh:
        # Whether or not it can be noted now, the page is as useful.
        with contextlib.suppress(HeadwayError):
            await sheet.visit.desk.do(
                "recommendation",
                step=step,
                recommendation_id=row["recommendation_id"],
                strategy=row["strategy"] if row["rank"] else "",
                target_id=row["target_id"] or "",
                device=_device(sheet),
            )


def _device(sheet: Any) -> dict[str, str]:
    return device_behind(getattr(sheet, "_document", None))


class RecommendationDeeds:
    """For a sheet with a next step on it: name the slot in `step_slots`."""

    step_slots: tuple[str, ...] = ()
    visit: Visit

    async def do_take_step(self, value: str) -> Sequence[str]:
        return await self._step("accepted", value)

    async def do_refuse_step(self, value: str) -> Sequence[str]:
        return await self._step("rejected", value)

    async def do_change_step(self, value: str) -> Sequence[str]:
        """Another one instead: the first was changed to it, and it is taken up."""
        first, _, other = value.partition(" ")
        _, strategy, target = (*other.split(" ", 2), "", "")[:3]
        await self.visit.desk.do(
            "recommendation",
            step="modified",
            recommendation_id=first,
            strategy=strategy,
            target_id=target,
            device=_device(self),
        )
        _said(self)[first] = "rejected"  # it makes room for the other
        return await self._step("accepted", other)

    async def do_rate_step(self, value: str) -> Sequence[str]:
        name, _, rating = value.partition(" ")
        if rating.isdecimal():
            await self.visit.desk.do(
                "recommendation",
                step="rated",
                recommendation_id=name,
                rating=int(rating),
                device=_device(self),
            )
            _said(self)[name] = "rated"
        return self.step_slots

    async def _step(self, step: str, value: str) -> Sequence[str]:
        name, strategy, target = (*value.split(" ", 2), "", "")[:3]
        await self.visit.desk.do(
            "recommendation",
            step=step,
            recommendation_id=name,
            strategy=strategy,
            target_id=target,
            device=_device(self),
        )
        _said(self)[name] = step
        return self.step_slots
