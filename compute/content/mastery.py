"""Who knows which skill by now, where the gaps are, and which earlier skill lies beneath them."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import ibis.expr.types as ir
import numpy as np
import orjson
import pyarrow as pa

from compute import checks
from compute.content.narrow import (
    DAY,
    NUMBER,
    TEXT,
    WHOLE,
    YES,
    Meanings,
    check,
    events_of,
    meanings_of,
    schema_of,
)
from compute.forms import Form, apart, shared
from compute.mastery import GAP, MASTERED, Skill
from compute.plan import Plan
from compute.scoping import Tables
from compute.tracing import PLAIN, Fitted, Model, Sequences, next_right, sorted_sequences
from models.ask import Ask
from models.tables import EVENTS, TABLE

FEWEST_ANSWERS = 4  # in a skill; fewer say too little of a learner
State = Literal["mastered", "learning", "gap", "unknown"]
_OWN = ("skill_id",)

MASTERY: Meanings = {
    "learner_id": (WHOLE, "", "The learner."),
    "skill_id": (TEXT, "", "A skill the learner has answered questions of."),
    "title": (TEXT, "", "Its title."),
    "subject": (TEXT, "", "Its subject."),
    "requires_skill_id": (TEXT, "", "The skill it builds on."),
    "answers": (WHOLE, "answers", "Questions answered."),
    "correct": (WHOLE, "answers", "Answered rightly."),
    "mastery": (NUMBER, "share", "How likely the skill is known by now (Bayesian knowledge tracing)."),
    "next_right": (NUMBER, "share", "How likely the next answer in it is right."),
    "state": (
        TEXT,
        "",
        f"mastered from {MASTERED}, gap under {GAP}, else learning; unknown under {FEWEST_ANSWERS} answers.",
    ),
    "have": (WHOLE, "answers", "Answers there are."),
    "need": (WHOLE, "answers", "Answers it takes to say anything."),
    "last_on": (DAY, "date", "The day of the newest answer."),
}
GAPS: Meanings = {
    **{n: MASTERY[n] for n in ("learner_id", "skill_id", "title", "mastery", "answers", "correct")},
    "requires_skill_id": MASTERY["requires_skill_id"],
    "root_skill_id": (TEXT, "", "The earliest skill beneath it that is not mastered either; else itself."),
    "root_title": (TEXT, "", "That skill's title."),
    "root_mastery": (NUMBER, "share", "How likely that one is known."),
    "blocks": (WHOLE, "skills", "Skills that build on it, directly or by way of others."),
    "last_on": MASTERY["last_on"],
}
SKILL_GAPS: Meanings = {
    "skill_id": (TEXT, "", "The skill."),
    "title": (TEXT, "", "Its title."),
    "subject": (TEXT, "", "Its subject."),
    "requires_skill_id": (TEXT, "", "The skill it builds on."),
    "learners": (WHOLE, "learners", f"Learners with at least {FEWEST_ANSWERS} answers in it."),
    "mastered": (WHOLE, "learners", "Of them, those who have mastered it."),
    "learning": (WHOLE, "learners", "Those on the way."),
    "gaps": (WHOLE, "learners", "Those who probably do not know it."),
    "share_mastered": (NUMBER, "share", "Mastered, of the learners."),
    "mean_mastery": (NUMBER, "share", "How likely it is known, on average."),
    "root_skill_id": (
        TEXT,
        "",
        "The earlier skill beneath most of these gaps; empty where none is.",
    ),
    "root_title": (TEXT, "", "That skill's title."),
    "waiting": (WHOLE, "learners", "Learners with too few answers yet."),
}
MASTERY_MODEL: Meanings = {
    "answers": (WHOLE, "answers", "Answers that the tracing was fitted to."),
    "learners": (WHOLE, "learners", "Learners they came from."),
    "held_back": (WHOLE, "answers", "Answers of other learners that it was judged by."),
    "auc": (NUMBER, "", "The chance that a right answer of those was thought likelier than a wrong one."),
    "baseline_auc": (NUMBER, "", "The same for each learner's share right so far."),
    "forgetting": (YES, "", "Does the tracing let skills be forgotten? It does where that tells more."),
    "fitted_at": (pa.timestamp("us", "UTC"), "", "When."),
}


@dataclass(frozen=True, slots=True)
class Known:
    """Where a learner stands in a skill."""

    learner_id: int
    skill_id: str
    answers: int
    correct: int
    mastery: float
    next_right: float
    last_on: date

    @property
    def state(self) -> State:
        if self.answers < FEWEST_ANSWERS:
            return "unknown"
        return "mastered" if self.mastery >= MASTERED else "gap" if self.mastery < GAP else "learning"


Skills = Mapping[str, Mapping[str, Any]]


def mastery(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and skill."""
    checks.refuse_single_learners(("learner_id",), tables)
    return _planned(ask, tables, MASTERY, _mastery)


def gaps(ask: Ask, tables: Tables) -> Plan:
    """One row for each learner and skill that the learner probably does not know."""
    checks.refuse_single_learners(("learner_id",), tables)
    return _planned(ask, tables, GAPS, _gaps)


def skill_gaps(ask: Ask, tables: Tables) -> Plan:
    """One row for each skill, over all learners looked at."""
    return _planned(ask, tables, SKILL_GAPS, _skill_gaps)


def mastery_model(ask: Ask, tables: Tables) -> Plan:
    check(replace(ask, where=()))
    rows = tables["mastery_model"].select(*MASTERY_MODEL)
    return Plan(parts=(rows,), columns=meanings_of(MASTERY_MODEL), source="mastery_model")


def _planned(ask: Ask, tables: Tables, columns: Meanings, told: Any) -> Plan:
    check(ask, _OWN, spans=False)
    # Prerequisites of an asked skill are looked at too, so the skill is picked at the end.
    wide = replace(ask, where=tuple(w for w in ask.where if w.dimension not in _OWN))
    return Plan(
        parts=(
            shared(_answered, wide, tables),
            *(shared(build, Ask(), tables) for build in (_skill_rows, _fitted_rows, _weights)),
        ),
        columns=meanings_of(columns),
        source="learner_event, skill_model",
        join=functools.partial(_table, ask=ask, columns=columns, told=told),
    )


@apart
def _answered(tables: Tables, form: Form) -> ir.Table:
    return answered(form, tables)


def _skill_rows(tables: Tables, _: Form) -> ir.Table:
    return tables["skill"].select("skill_id", "title", "subject", "requires_skill_id")


def _fitted_rows(tables: Tables, _: Form) -> ir.Table:
    return tables["skill_model"].drop("organisation_id")


def _weights(tables: Tables, _: Form) -> ir.Table:
    return tables["mastery_model"].select("weights")


def answered(ask: Ask | Form, tables: Tables) -> ir.Table:
    """Answers to questions of a skill, in order: learner_id, skill_id, correct, occurred_at, day."""
    answers = events_of(ask, tables, "quiz_answer")
    items = tables["item"].select("item_id", of_item="skill_id")
    answers = answers.left_join(items, "item_id").drop("item_id_right")
    answers = answers.mutate(skill=answers.skill_id.coalesce(answers.of_item))
    answers = answers.filter(answers.skill.notnull(), answers.correct.notnull())
    ordered = answers.order_by("learner_id", "occurred_at", answers.sequence.fill_null(-1), "event_id")
    return ordered.select("learner_id", "occurred_at", "day", "correct", skill_id="skill")


def answer_counts() -> ir.Table:
    """For the job that fits (app/mastery.py): each organisation's answers, and how many it was fitted to."""
    events, fitted = EVENTS.unbound, TABLE["mastery_model"].unbound
    items = TABLE["item"].unbound.select("organisation_id", "item_id", of_item="skill_id")
    answers = events.filter(events.event_type == "quiz_answer", events.correct.notnull())
    answers = answers.left_join(items, ["organisation_id", "item_id"])
    answers = answers.filter(answers.skill_id.notnull() | answers.of_item.notnull())
    counts = answers.group_by("organisation_id").agg(answers=answers.count())
    known = fitted.select(fitted.organisation_id.name("_of"), before=fitted.answers)
    return counts.left_join(known, counts.organisation_id == known["_of"]).drop("_of")


def sequences_of(answers: pa.Table) -> tuple[Sequences, Any]:
    moments = answers["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    return sorted_sequences(
        answers["learner_id"].to_numpy(),
        answers["skill_id"].to_pylist(),
        answers["correct"].cast(pa.float64()).to_numpy(),
        moments,
    )


def model_of(fitted: Sequence[Mapping[str, Any]], weights: Sequence[str]) -> Model:
    found = {
        row["skill_id"]: Fitted(
            Skill(row["known"], row["learns"], row["forgets"], row["guesses"], row["slips"], row["answers"]),
            row["mean"],
            row["learners"],
        )
        for row in fitted
    }
    usual = found.pop("", PLAIN)
    return Model(usual, found, tuple(orjson.loads(weights[0])) if weights else ())


def _table(found: tuple[pa.Table, ...], ask: Ask, columns: Meanings, told: Any) -> pa.Table:
    answers, about, fitted, weights = found
    model = model_of(fitted.to_pylist(), weights["weights"].to_pylist())
    skills = {row["skill_id"]: row for row in about.to_pylist()}
    rows = told(known_of(answers, model), skills)
    wanted = [{str(v) for v in w.values} for w in ask.where if w.dimension == "skill_id"]
    rows = [row for row in rows if all(row["skill_id"] in some for some in wanted)]
    return pa.Table.from_pylist(rows[: ask.limit], schema_of(columns))


def known_of(answers: pa.Table, model: Model) -> list[Known]:
    if not answers.num_rows:
        return []
    of, order = sequences_of(answers)
    last, known, chance = next_right(model, of)
    pair = np.unique(np.stack([of.learner, of.skill]), axis=1, return_inverse=True)[1].ravel()
    count, hits = np.bincount(pair), np.bincount(pair, of.right)
    days = answers["day"].to_pylist()
    return [
        Known(
            int(of.learner[at]),
            of.skills[of.skill[at]],
            int(count[n]),
            int(hits[n]),
            float(known[n]),
            float(chance[n]),
            days[order[at]],
        )
        for n, at in enumerate(last)
    ]


# ---- what is told ---------------------------------------------------------------------------------------


def _mastery(known: Sequence[Known], skills: Skills) -> list[dict[str, Any]]:
    rows = [
        {
            "learner_id": one.learner_id,
            "skill_id": one.skill_id,
            **_about(one.skill_id, skills),
            "answers": one.answers,
            "correct": one.correct,
            "mastery": one.mastery,
            "next_right": one.next_right,
            "state": one.state,
            "have": one.answers,
            "need": FEWEST_ANSWERS,
            "last_on": one.last_on,
        }
        for one in known
    ]
    return sorted(rows, key=lambda row: (row["learner_id"], str(row["subject"]), row["skill_id"]))


def _about(skill: str, skills: Skills) -> dict[str, Any]:
    found = skills.get(skill, {})
    return {
        "title": found.get("title", skill),
        "subject": found.get("subject"),
        "requires_skill_id": found.get("requires_skill_id"),
    }


def beneath(skill: str, skills: Skills) -> Iterator[str]:
    """What a skill builds on, from the nearest to the earliest; a circle is gone round once."""
    seen = {skill}
    under = skills.get(skill, {}).get("requires_skill_id")
    while under and under not in seen:
        yield under
        seen.add(under)
        under = skills.get(under, {}).get("requires_skill_id")


def blocking(skills: Skills) -> dict[str, int]:
    """How many skills build on each."""
    count: dict[str, int] = defaultdict(int)
    for skill in skills:
        for under in beneath(skill, skills):
            count[under] += 1
    return count


def root_of(skill: str, own: Mapping[str, Known], skills: Skills) -> Known:
    """The earliest skill beneath it that is known not to be mastered, without a mastered one between."""
    root = own[skill]
    for under in beneath(skill, skills):
        one = own.get(under)
        if one is None or one.state == "unknown":
            continue  # not answered enough: it tells nothing, what lies beneath it may
        if one.state == "mastered":
            break
        root = one
    return root


def _by_learner(known: Sequence[Known]) -> dict[int, dict[str, Known]]:
    people: dict[int, dict[str, Known]] = defaultdict(dict)
    for one in known:
        people[one.learner_id][one.skill_id] = one
    return people


def _gaps(known: Sequence[Known], skills: Skills) -> list[dict[str, Any]]:
    count = blocking(skills)
    rows = []
    for learner, own in sorted(_by_learner(known).items()):
        missing = [one for one in own.values() if one.state == "gap"]
        for one in sorted(missing, key=lambda one: (-count.get(one.skill_id, 0), one.mastery, one.skill_id)):
            root = root_of(one.skill_id, own, skills)
            rows.append(
                {
                    "learner_id": learner,
                    "skill_id": one.skill_id,
                    **_about(one.skill_id, skills),
                    "mastery": one.mastery,
                    "answers": one.answers,
                    "correct": one.correct,
                    "root_skill_id": root.skill_id,
                    "root_title": skills.get(root.skill_id, {}).get("title", root.skill_id),
                    "root_mastery": root.mastery,
                    "blocks": count.get(one.skill_id, 0),
                    "last_on": one.last_on,
                }
            )
    return rows


def _skill_gaps(known: Sequence[Known], skills: Skills) -> list[dict[str, Any]]:
    people = _by_learner(known)
    by_skill: dict[str, list[Known]] = defaultdict(list)
    for one in known:
        by_skill[one.skill_id].append(one)
    rows = []
    for skill, of in by_skill.items():
        judged = [one for one in of if one.state != "unknown"]
        states = [one.state for one in judged]
        roots: dict[str, int] = defaultdict(int)
        for one in judged:
            if one.state == "gap":
                roots[root_of(skill, people[one.learner_id], skills).skill_id] += 1
        root = max(roots, key=lambda name: (roots[name], name), default=None)
        root = None if root == skill else root
        rows.append(
            {
                "skill_id": skill,
                **_about(skill, skills),
                "learners": len(judged),
                "mastered": states.count("mastered"),
                "learning": states.count("learning"),
                "gaps": states.count("gap"),
                "share_mastered": states.count("mastered") / len(judged) if judged else None,
                "mean_mastery": sum(one.mastery for one in judged) / len(judged) if judged else None,
                "root_skill_id": root,
                "root_title": skills.get(root, {}).get("title", root) if root else None,
                "waiting": len(of) - len(judged),
            }
        )
    return sorted(rows, key=lambda row: (-row["gaps"], row["skill_id"]))
