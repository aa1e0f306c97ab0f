"""What a desk tells that is not a question of the catalogue: oneself, the catalogue, one's relations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from app.interventions import colleagues, interventions
from app.own_data import consents, own_data
from app.purposes import CARE
from app.school_settings import SCHOOL_SETTINGS
from compute import related
from compute.dimensions import DIMENSION
from compute.measures import MEASURES
from compute.measures.measure import Measure
from compute.questions import QUESTIONS
from compute.scoping import Tables
from models.scope import Scope, Viewer

if TYPE_CHECKING:
    from app.door import Door

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who looks or does something, with the scope of this moment."""

    door: Door
    viewer: Viewer
    scope: Scope
    secret: str | None  # of the session, where there is one


@dataclass(frozen=True, slots=True)
class Look:
    meaning: str
    run: Callable[..., Any]
    action: str = ""  # "" is open to everybody who is signed in


def me(caller: Caller) -> Row:
    """Oneself: name, role, school, children, own saved settings."""
    metadata, viewer = caller.door.metadata, caller.viewer
    person = metadata.people.get(viewer.person_id)
    school = metadata.organisations.get(viewer.organisation_id)
    own = caller.scope.learners if caller.scope.rows == "own" else ()
    return {
        "person_id": viewer.person_id,
        "name": person.name if person else "",
        "role": viewer.role,
        "role_title": metadata.roles[viewer.role].title,
        "actions": sorted(viewer.actions),
        "locale": (person.locale if person else None) or school.locale,
        "zone": school.zone,
        "today": caller.scope.on,
        "organisation": {
            "id": school.id,
            "name": school.name,
            "zone": school.zone,
            "locale": school.locale,
            "country": school.country,
            "currency": school.currency,
        },
        "learner_id": str(own[0]) if own else None,
        "children": _children(caller),
        "sees_rows": caller.scope.sees_rows,
        "sees_names": caller.scope.sees_names,
    }


def _children(caller: Caller) -> list[Row]:
    if caller.scope.rows != "linked":
        return []
    names = caller.door.names_of(caller.viewer, caller.scope, caller.scope.learners, CARE)
    return [{"learner_id": str(i), "name": names.get(i, "")} for i in caller.scope.learners]


async def relations(caller: Caller) -> Row:
    """The classes and courses that the asker may narrow a question to."""
    found = await caller.door.parts(related.parts(Tables(caller.scope)))
    classes, courses = related.rows_of(found)
    children = await caller.door.light(_children, caller)
    return {"classes": classes, "courses": courses, "children": children}


def catalogue(caller: Caller) -> Row:
    """Every question, measure and dimension that the asker may use, in words."""
    roles = caller.door.metadata.roles.by_name.values()

    def told(measure: Measure) -> Row:
        return {
            "name": measure.name,
            "meaning": measure.meaning,
            "unit": measure.unit,
            "better": measure.better,
            "freshness": measure.freshness,
            "grain": measure.grain,
            "subject": measure.subject,
            "usual": [list(by) for by in measure.usual],
            "roles": [r.name for r in roles if r.rows in measure.scopes and "ask-measures" in r.actions],
        }

    return {
        "questions": [
            {"name": q.name, "meaning": q.meaning, "freshness": q.freshness, "rows": q.rows}
            for q in QUESTIONS
            if caller.viewer.may(q.action)
        ],
        "measures": [told(m) for m in MEASURES if caller.scope.rows in m.scopes],
        "dimensions": [
            {"name": d.name, "meaning": d.meaning, "kind": d.kind, "label": d.label is not None}
            for d in DIMENSION.values()
            if d.name != "learner_id" or caller.scope.sees_rows
        ],
    }


def settings(caller: Caller) -> Row:
    """What the asker saved for themselves."""
    return dict(caller.door.metadata.settings.all(caller.viewer.person_id))


def board(caller: Caller) -> Row:
    """Is there a leaderboard at the own school, does the asker take part, and which nicknames are free."""
    held, viewer = caller.door.metadata.board, caller.viewer
    if caller.scope.rows != "own" or not held.is_on(viewer.organisation_id):
        return {"on": False, "nickname": None, "offers": []}
    nickname = held.nickname(viewer.person_id)
    offers = [] if nickname else held.offers(viewer.organisation_id)
    return {"on": True, "nickname": nickname, "offers": offers}


def school_settings(caller: Caller) -> Row:
    """What the school decided for all its people."""
    saved = caller.door.metadata.settings
    found = saved.all(saved.organisation(caller.viewer.organisation_id))
    return {name: found.get(name, False) for name in SCHOOL_SETTINGS}


def way_in(caller: Caller) -> Row:
    """What was sent to this core since it began and is not stored, of the asker's organisation."""
    losses = caller.door.losses
    if losses is None:
        return {"since": None, "kinds": []}
    kinds = losses.told(caller.viewer.organisation_id)
    return {"since": losses.since, "kinds": [{**asdict(kind), "events": n} for kind, n in kinds]}


def moved(caller: Caller, since: int) -> bool:
    """Has anything that the asker may see changed since this watermark? Saves asking for it."""
    now = caller.door.warehouse.watermark().number
    return caller.door.touched.since(since, now, caller.scope)


LOOKS: dict[str, Look] = {
    "me": Look("Oneself: name, role, school, children.", me),
    "catalogue": Look("Measures and dimensions that the asker may use.", catalogue, "ask-measures"),
    "relations": Look("Classes, courses and children that the asker may narrow a question to.", relations),
    "board": Look("Whether one can take part in a leaderboard, and does.", board, "own-preferences"),
    "school_settings": Look("What the school decided for all.", school_settings, "manage-settings"),
    "interventions": Look("What was done for the asker's learners.", interventions, "intervene"),
    "colleagues": Look("Who else teaches the asker's classes.", colleagues, "intervene"),
    "way_in": Look("What was shed, put off, refused or sent again since core began.", way_in, "see-quality"),
    "moved": Look("Whether anything the asker may see has changed since a watermark.", moved),
    "consents": Look(
        "What one's own data or the children's may be used for, and why.", consents, "own-preferences"
    ),
    "own_data": Look("What is held of oneself besides events, and who looked at it.", own_data, "own-data"),
    "settings": Look("What the asker saved for themselves.", settings, "own-preferences"),
}
