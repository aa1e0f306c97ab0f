"""How quizzes and assignments come out, which questions do not work, and which skills are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from models.ask import Ask
from pages import charts
from pages.assessments import lists
from pages.assessments.words import faulty, item_said, item_told, item_tone, verdict
from pages.cards import Card, Tone, bullets, paragraph, place_link
from pages.content.asking import as_of, content
from pages.frame import gone
from pages.rows import rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.tables import Turn, table

Row = Mapping[str, Any]
MOST_NAMED = 12
JUDGED: tuple[Tone, ...] = ("urgent", "watch", "good", "plain")


class AssessmentsPage(Sheet):
    period = "year"
    marks = ("assessment_id", "item_id", "skill_id")
    slots = (
        Slot("found", height=160),
        Slot("results", span=7, height=840, rows=2),
        Slot("spread", span=5, height=400),
        Slot("map", span=5, height=420),
        Slot("item", span=5, height=420, stays=True),
        Slot("questions", span=7, height=480),
        Slot("skills", span=7, height=420),
        Slot("missing", span=5, height=420),
    )

    @property
    def _marks(self) -> Mapping[str, str]:
        return self.filters.marks

    async def found(self, ask: Asking) -> Card:
        rows = rows_of(await content(self, ask, "items"))
        grave = [row for row in rows if faulty(row)]
        if not any(row["answers"] for row in rows):
            return Card(self.say("assessments.found"), empty=self.say("assessments.no_answers"))
        judged = sum(row["verdict"] != "not enough answers" for row in rows)
        sub = self.say("assessments.found_sub", n=judged, all=len(rows))
        if not grave:
            return Card(self.say("assessments.found_none"), sub, body=paragraph(self.say("assessments.rule")))
        lines = [
            Markup("{}: {}").format(self._item_link(row), item_told(self, row))
            for row in sorted(grave, key=lambda row: row["discrimination"] or 0)[:5]
        ]
        title = self.say("assessments.found_grave", n=len(grave))
        after = paragraph(self.say("assessments.rule"), "sub after")
        return Card(title, sub, body=bullets(lines), after=after)

    def _item_link(self, row: Row) -> Markup:
        return place_link(row["title"], self.filters.link(item_id=row["item_id"]))

    # Results

    async def results(self, ask: Asking) -> Card:
        answer = await content(self, ask, "assessments")
        rows = [row for row in rows_of(answer) if row["learners"] or row["outside"]]
        if not rows:
            return Card(self.say("assessments.results"), empty=self.say("assessments.no_results"))
        scored = [row for row in rows if row["median"] is not None]
        lowest = min(scored, key=lambda row: row["pass_share"], default=None)
        title = self.say("assessments.results")
        if lowest is not None:
            share = self.visit.speech.share(lowest["pass_share"])
            title = self.say("assessments.results_found", title=lowest["title"], share=share)
        turn = self.turns.get("results", Turn(order="pass_share"))
        body = table(self.visit.speech, rows, lists.results(self), turn, self.say("assessments.results"))
        past = sum(row["outside"] for row in rows)
        after = paragraph(self.say("assessments.outside", n=past), "sub after") if past else Markup("")
        return Card(title, self.say("assessments.results_sub"), body=body, after=after)

    async def spread(self, ask: Asking) -> Card:
        wanted = self._marks.get("assessment_id")
        where = {"assessment_id": wanted} if wanted else {}
        answer = await content(self, ask, "score_bins", **where)
        rows = rows_of(answer)
        about = await content(self, ask, "assessments", **where)
        ask.answers.remove(about)
        if wanted and not rows_of(about):
            return gone(self, self.say("assessments.spread"), "assessment_id")
        self.learn({row["assessment_id"]: row["title"] for row in rows_of(about)})
        if not rows:
            return Card(self.say("assessments.spread"), empty=self.say("assessments.no_results"))
        total, passed = sum(r["learners"] for r in rows), sum(r["learners"] for r in rows if r["low"] >= 60)
        speech = self.visit.speech
        drawing = charts.histogram(
            answer,
            speech,
            x="low",
            y="learners",
            label=lambda row: speech.number(row["low"]),
            said=lambda row: self.say(
                "assessments.bin_said",
                n=row["learners"],
                low=speech.number(row["low"]),
                high=speech.number(row["high"]),
            ),
            pale=lambda row: row["low"] < 60,
            alternative=self.say(
                "assessments.spread_told", n=total, share=speech.share(passed / total if total else None)
            ),
        )
        one = next(iter(rows_of(about)), None) if wanted else None
        title = self.say("assessments.spread_found", share=speech.share(passed / total), n=total)
        sub = self.say("assessments.spread_sub", title=one["title"] if one else self.say("assessments.all"))
        lines = [self._half(one)] if one and one["median"] is not None else []
        return Card(title, sub, drawing=drawing, after=bullets(lines) if lines else Markup(""))

    def _half(self, one: Row) -> str:
        speech = self.visit.speech
        told = self.say(
            "assessments.half",
            low=speech.number(one["low_quarter"]),
            high=speech.percent(one["high_quarter"]),
            median=speech.percent(one["median"]),
        )
        if one["reliability"] is None:
            return told
        sure = "high" if one["reliability"] >= 0.7 else "middling" if one["reliability"] >= 0.5 else "low"
        number = speech.number(one["reliability"], 2)
        return f"{told} {self.say(f'assessments.reliability_{sure}', value=number)}"

    # Items

    async def map(self, ask: Asking) -> Card:
        wanted = self._marks.get("assessment_id")
        answer = await content(self, ask, "items", **({"assessment_id": wanted} if wanted else {}))
        rows = [row for row in rows_of(answer) if row["answers"]]
        if not rows:
            return Card(self.say("assessments.map"), empty=self.say("assessments.no_answers"))
        good = sum(row["verdict"] == "good" for row in rows)
        judged = sum(row["verdict"] != "not enough answers" for row in rows)
        drawing = charts.items(
            answer,
            self.visit.speech,
            toned=item_tone,
            label=lambda row: row["title"],
            said=lambda row: item_said(self, row),
            words=(self.say("assessments.axis_right"), self.say("assessments.axis_tells")),
            picked=self._marks.get("item_id", ""),
            alternative=self._map_told(rows),
        )
        title = self.say("assessments.map")
        if judged:
            title = self.say("assessments.map_found", n=good, all=judged)
        return Card(title, self.say("assessments.map_sub"), drawing=drawing)

    async def questions(self, ask: Asking) -> Card | None:
        wanted = self._marks.get("assessment_id")
        answer = await content(self, ask, "items", **({"assessment_id": wanted} if wanted else {}))
        rows = [row for row in rows_of(answer) if row["answers"]]
        if not rows:
            return None
        # What is not judged yet does not stand between a teacher and what is.
        rows.sort(key=lambda row: (JUDGED.index(item_tone(row)), row["discrimination"] or 0))
        turn = self.turns.get("questions", Turn())
        name = self.say("assessments.questions")
        # The card has the plain name; two landmarks of one name are told apart by nobody.
        region = f"{name}: {self.say('assessments.verdict')}"
        body = table(self.visit.speech, rows, lists.items(self, self._item_link), turn, region)
        return Card(name, self.say("assessments.questions_sub"), body=body)

    def _map_told(self, rows: Sequence[Row]) -> str:
        bad = [row["title"] for row in rows if item_tone(row) in ("urgent", "watch")]
        told = self.say("assessments.map_told", n=len(rows))
        named = self.say("assessments.map_bad", names=self.visit.speech.names(bad[:5])) if bad else ""
        return f"{told} {named}".strip()

    async def item(self, ask: Asking) -> Card:
        answer = await content(self, ask, "items")
        ask.answers.remove(answer)
        wanted = self._marks.get("item_id")
        if wanted and wanted not in {row["item_id"] for row in rows_of(answer)}:
            return gone(self, self.say("assessments.item"), "item_id")
        self.learn({row["item_id"]: row["title"] for row in rows_of(answer)})
        rows = [row for row in rows_of(answer) if row["answers"]]
        one = next((row for row in rows if row["item_id"] == wanted), None)
        one = (
            one
            or min((row for row in rows if faulty(row)), key=_fit, default=None)
            or (rows[0] if rows else None)
        )
        if one is None:
            return Card(self.say("assessments.item"), empty=self.say("assessments.no_answers"))
        choices = rows_of(await content(self, ask, "item_choices", item_id=one["item_id"]))
        sub = self.say(
            "assessments.item_sub", n=one["answers"], title=one["title"], quiz=one["assessment"] or ""
        )
        body = Markup("{}{}").format(paragraph(item_told(self, one)), self._curve_told(one))
        if choices:
            name = self.say("assessments.choices")
            body += table(self.visit.speech, choices, lists.choices(self), Turn(), name, stacked=False)
        return Card(verdict(self, one), sub, body=body)

    def _curve_told(self, one: Row) -> Markup:
        if one["slope"] is None:
            return paragraph(self.say("assessments.no_curve"), "sub")
        number = self.visit.speech.number
        told = self.say(
            "assessments.curve",
            slope=number(one["slope"], 2),
            slope_error=number(one["slope_error"], 2),
            place=number(one["place"], 2),
            place_error=number(one["place_error"], 2),
        )
        return paragraph(told, "sub")

    # Skills

    async def skills(self, ask: Asking) -> Card:
        answer = await as_of(self, ask, "skill_gaps")
        rows = rows_of(answer)
        if not rows:
            return Card(self.say("assessments.skills"), empty=self.say("assessments.no_answers"))
        model = rows_of(await ask.put(Ask(question="mastery_model"), within=False))
        worst = max(rows, key=lambda row: (row["gaps"], row["skill_id"]))
        title = self.say("assessments.skills_fine")
        if worst["gaps"]:
            title = self.say(
                "assessments.skills_found", n=worst["gaps"], all=worst["learners"], title=worst["title"]
            )
        body = table(
            self.visit.speech,
            rows,
            lists.skills(self),
            self.turns.get("skills", Turn()),
            self.say("assessments.skills"),
        )
        after = paragraph(self._sureness(model), "sub after")
        return Card(title, self.say("assessments.skills_sub"), body=body, after=after, answers=(answer,))

    def _sureness(self, model: Sequence[Row]) -> str:
        told = self.say("assessments.skills_how")
        if not model or model[0]["auc"] is None:
            return f"{told} {self.say('assessments.not_fitted')}"
        share = self.visit.speech.share
        one = model[0]
        sure = self.say(
            "assessments.sureness",
            n=one["held_back"],
            auc=share(one["auc"]),
            baseline=share(one["baseline_auc"]),
        )
        return f"{told} {sure}"

    async def missing(self, ask: Asking) -> Card:
        skill = self._marks.get("skill_id")
        rows = rows_of(await as_of(self, ask, "skill_gaps"))
        if skill and skill not in {row["skill_id"] for row in rows}:
            return gone(self, self.say("assessments.missing"), "skill_id")
        self.learn({row["skill_id"]: row["title"] for row in rows})
        if not skill:
            worst = max(rows, key=lambda row: (row["gaps"], row["skill_id"]), default=None)
            skill = worst["skill_id"] if worst and worst["gaps"] else None
        if not skill:
            return Card(self.say("assessments.missing"), empty=self.say("assessments.nobody_missing"))
        answer = await as_of(self, ask, "gaps", skill_id=skill)
        rows = rows_of(answer)
        if not rows:
            return Card(self.say("assessments.missing"), empty=self.say("assessments.nobody_missing"))
        rows.sort(key=lambda row: (row["mastery"], row["learner_id"]))
        named = await ask.names([row["learner_id"] for row in rows[:MOST_NAMED]])
        lines = [self._lacking(row, named.get(row["learner_id"], "")) for row in rows[:MOST_NAMED]]
        more = len(rows) - len(lines)
        return Card(
            self.say("assessments.missing_found", n=len(rows), title=rows[0]["title"]),
            self.say("assessments.missing_sub"),
            body=bullets(lines),
            after=paragraph(self.say("assessments.more", n=more), "sub after") if more else Markup(""),
            answers=(answer,),
        )

    def _lacking(self, row: Row, name: str) -> Markup:
        learner = str(row["learner_id"])
        # Who is told no names may ask on by the pseudonym, and has no page of one learner.
        who = (
            Markup('<a href="/learner?child={}">{}</a>').format(learner, name)
            if name
            else Markup("{}").format(self.say("assessments.pseudonym", learner=learner))
        )
        told = self.say("assessments.lacking", n=row["answers"], correct=row["correct"])
        if row["root_skill_id"] != row["skill_id"]:
            told = f"{told}; {self.say('assessments.root', title=row['root_title'])}"
        return Markup("{}: {}").format(who, told)


def _fit(row: Row) -> float:
    return float(row["discrimination"] or 0)


__all__ = ["AssessmentsPage"]
