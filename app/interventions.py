"""What teachers see and record of what was done for their learners. Nobody else is told."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from compute import recall
from compute.forms import shared
from compute.scoping import Tables
from connectors.metadata import Intervention
from models.ask import Ask
from models.errors import BadQuestion, NotFound

if TYPE_CHECKING:
    from app.looks import Caller

Row = dict[str, Any]


def interventions(caller: Caller, learner_id: str | None = None, open_only: bool = False) -> list[Row]:
    """Of the asker's learners in the courses the asker teaches them, the newest first. Audited."""
    pairs = _taught(caller)
    if learner_id is not None:
        pairs = {pair for pair in pairs if pair[0] == _number(learner_id)}
    found = caller.door.metadata.interventions.of(caller.viewer.organisation_id, pairs)
    found = [one for one in found if one.is_open or not open_only]
    told = {one.learner_id for one in found}
    caller.door.note(caller.viewer, "read interventions", sorted(told), "teaching")
    names = _Names(caller)
    zone = ZoneInfo(caller.door.metadata.organisations.get(caller.viewer.organisation_id).zone)
    return [_row(caller, one, names, zone) for one in found]


def colleagues(caller: Caller) -> list[Row]:
    """Who else teaches the asker's classes: to whom something can be given."""
    relations = caller.door.metadata.relations
    shared = relations.teachers_of(caller.viewer.organisation_id, caller.scope.classes, caller.scope.on)
    names = _Names(caller)
    rows = [{"person_id": one, "name": names.of(one)} for one in shared if one != caller.viewer.person_id]
    return sorted((row for row in rows if row["name"]), key=lambda row: row["name"].casefold())


def intervene(caller: Caller, learner_id: str, plan: str, text: str = "", course_id: str = "") -> str:
    """Begin something for a learner. The course is the one the asker teaches the learner."""
    learner = _number(learner_id)
    courses = sorted(course for n, course in _taught(caller) if n == learner)
    if course_id:
        courses = [course for course in courses if course == course_id]
    if not courses:
        raise NotFound
    return caller.door.metadata.interventions.make(
        caller.viewer.organisation_id,
        learner,
        courses[0],
        caller.viewer.person_id,
        plan,  # type: ignore[arg-type]  # the store refuses what it does not know
        text,
    )


def intervention_step(caller: Caller, intervention_id: str, kind: str, value: str) -> int:
    """A note, whose task it is, when to look again, or what came of it."""
    _own(caller, intervention_id)
    store, me = caller.door.metadata.interventions, caller.viewer.person_id
    if kind == "note":
        step = store.note(intervention_id, me, value)
    elif kind == "assigned":
        if value != me and value not in {row["person_id"] for row in colleagues(caller)}:
            raise BadQuestion("It can be given to those who teach the same class.")
        step = store.assign(intervention_id, me, value)
    elif kind == "follow_up":
        step = store.follow_up(intervention_id, me, _day(caller, value))
    elif kind == "outcome":
        step = store.close(intervention_id, me, value)  # type: ignore[arg-type]
    else:
        raise BadQuestion("A step is one of note, assigned, follow_up, outcome.")
    return step


def undo_intervention_step(caller: Caller, intervention_id: str, step_id: int) -> None:
    """Take back one's own step."""
    _own(caller, intervention_id)
    caller.door.metadata.interventions.undo(intervention_id, caller.viewer.person_id, step_id)


def _taught(caller: Caller) -> set[tuple[int, str]]:
    if caller.scope.rows != "taught":
        return set()
    rows = caller.door.warehouse.fetch(shared(recall.taught, Ask(), Tables(caller.scope))).to_pylist()
    return {(row["learner_id"], row["course_id"]) for row in rows}


def _own(caller: Caller, intervention_id: str) -> Intervention:
    """One that the asker may see; for all others it does not exist."""
    found = caller.door.metadata.interventions.of(caller.viewer.organisation_id, _taught(caller))
    one = next((one for one in found if one.id == intervention_id), None)
    if one is None:
        raise NotFound
    return one


def _row(caller: Caller, one: Intervention, names: _Names, zone: ZoneInfo) -> Row:
    to = one.newest("assigned", "to")
    made = one.steps[0]
    return {
        "id": one.id,
        "learner_id": str(one.learner_id),
        "course_id": one.course_id,
        "origin": one.origin,
        "made_at": one.made_at,
        "made_on": one.made_at.astimezone(zone).date(),
        "plan": made.said["plan"],
        "text": made.said.get("text", ""),
        "scores": list(made.said.get("scores", ())),
        "by": names.of(made.person_id),
        "to": names.of(to),
        "to_me": (to or made.person_id) == caller.viewer.person_id,
        "follow_up": one.newest("follow_up", "on"),
        "outcome": one.outcome,
        "open": one.is_open,
        "steps": [
            {
                "id": step.id,
                "at": step.at,
                "kind": step.kind,
                "by": names.of(step.person_id),
                "mine": step.person_id == caller.viewer.person_id,
                "text": _said(step.said, names),
            }
            for step in one.steps
        ],
    }


def _said(said: Any, names: _Names) -> str:
    if "to" in said:
        return names.of(said["to"])
    return str(said.get("text") or said.get("on") or said.get("outcome") or "")


class _Names:
    """Of colleagues, each looked up once."""

    def __init__(self, caller: Caller) -> None:
        self._people, self._known = caller.door.metadata.people, dict[str, str]()

    def of(self, person_id: str | None) -> str:
        if not person_id:
            return ""
        if person_id not in self._known:
            person = self._people.get(person_id)
            self._known[person_id] = person.name if person else ""
        return self._known[person_id]


def _number(learner_id: str) -> int:
    try:
        return int(learner_id)
    except ValueError:
        raise NotFound from None


def _day(caller: Caller, value: str) -> date:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise BadQuestion("Write the day to look again as YYYY-MM-DD.") from None
    if day < caller.scope.on:
        raise BadQuestion("The day to look again lies in the past.")
    return day
