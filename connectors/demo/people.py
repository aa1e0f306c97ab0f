"""Everybody with a name: pupils, guardians, teachers, staff. Pure; `filling` hands them to the metadata."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from connectors.demo.cast import PERSONAS, of_place
from connectors.demo.groups import special_groups, teaching
from connectors.demo.learners import EMIL, JONAS, LEO, MIA, NOAH, SELIN
from connectors.demo.names import COMPANIES, full_names, login
from connectors.demo.school import School, rng_of
from connectors.metadata.people import NewPerson
from connectors.metadata.relations import ALWAYS, Kind

CAST_LEARNERS = {
    "northfield": {"mia": MIA, "noah": NOAH, "leo": LEO, "selin": SELIN, "emil": EMIL, "jonas": JONAS},
    "brightwater": {"grace": MIA},
}
GUARDED = 0.8
REVOKED = 0.04


@dataclass(frozen=True, slots=True)
class Link:
    """A relation of a person, named by login until the person has an id."""

    login: str
    kind: Kind
    object: str | int
    valid_from: date = ALWAYS
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Guardian:
    login: str
    guardian_key: str  # from which the pseudonym is made
    learner: int
    valid_until: date | None


def learners(school: School) -> list[NewPerson]:
    rng = rng_of(school.size.seed, school.place, 4)
    names, born = full_names(rng, len(school.learners)), birth_dates(school)
    logins = [login(name, n) for n, name in enumerate(names)]
    for persona in of_place(school.place.key):
        known = CAST_LEARNERS[school.place.key].get(persona.login)
        if known is not None:
            names[known], logins[known] = persona.name, persona.login
    return [
        _person(school, logins[n], names[n], "student", birth_date=born[n], student_id=school.student_ids[n])
        for n in range(len(names))
    ]


def birth_dates(school: School) -> list[date]:
    rng, until = rng_of(school.size.seed, school.place, 5), school.size.until
    count = len(school.learners)
    if school.place.has_terms:
        days = (school.learners.grade + 14.1 + rng.uniform(0, 1.2, count)) * 365.25
    else:
        days = rng.uniform(21, 62, count) * 365.25
    born = [until - timedelta(days=int(d)) for d in days]
    if school.place.has_terms:
        born[NOAH] = until - timedelta(days=int(12.4 * 365.25))
        born[MIA] = until - timedelta(days=int(15.2 * 365.25))
        born[SELIN] = _years_before(until - timedelta(days=5), 18)
    return born


def _years_before(day: date, years: int) -> date:
    # 29 February has no birthday in most years; the first of March is as good.
    return (
        date(day.year - years, 3, 1)
        if (day.month, day.day) == (2, 29)
        else day.replace(year=day.year - years)
    )


def guardians(school: School) -> tuple[list[NewPerson], list[Guardian]]:
    """One or two for most pupils; siblings share them; some links are revoked."""
    if not school.place.has_terms:
        return [], []
    people, links = _cast_guardians(school)
    rng, count = rng_of(school.size.seed, school.place, 6), len(school.learners)
    names = full_names(rng, 2 * count)
    draw, revoked = rng.random((count, 3)), rng.random(count) < REVOKED
    number = 0
    for learner in range(6, count):
        if draw[learner, 0] > GUARDED:
            continue
        sibling = draw[learner, 1] < 0.15 and number > 0
        until = school.size.until - timedelta(days=9) if revoked[learner] else None
        for _ in range(1 if sibling or draw[learner, 2] < 0.7 else 2):
            number += not sibling
            who = login(names[number], number)
            if not sibling:
                people.append(_person(school, f"family.{who}", names[number], "guardian"))
            key = f"{school.place.prefix}-G{number:06d}"
            links.append(Guardian(people[-1].login, key, learner, until))
    return people, links


def _cast_guardians(school: School) -> tuple[list[NewPerson], list[Guardian]]:
    revoked = school.size.until - timedelta(days=20)
    links = [
        Guardian("jana", "jana", MIA, None),
        Guardian("jana", "jana", NOAH, None),
        Guardian("aylin", "aylin", SELIN, None),
        Guardian("pavel", "pavel", EMIL, revoked),
    ]
    return [_person(school, p.login, p.name, p.role) for p in PERSONAS if p.role == "guardian"], links


def teachers(school: School) -> tuple[list[NewPerson], list[Link]]:
    cast = [p for p in of_place(school.place.key) if p.role == "teacher"]
    plans = teaching(school)
    names = full_names(rng_of(school.size.seed, school.place, 7), len(plans))
    logins = [login(name, n) for n, name in enumerate(names)]
    names[0], logins[0] = cast[0].name, cast[0].login
    people = [_person(school, f"teacher.{w}" if n else w, names[n], "teacher") for n, w in enumerate(logins)]
    links = [
        Link(person.login, "teaches", group.class_id)
        for person, plan in zip(people, plans, strict=True)
        for group in plan
    ]
    if len(cast) == 3:
        people += [_person(school, p.login, p.name, p.role) for p in cast[1:]]
        links += [Link("silva", "teaches", g.class_id) for g in special_groups(school)]
        left = school.size.until - timedelta(days=21)
        links += [Link("okafor", "teaches", g.class_id, valid_until=left) for g in plans[0][:2]]
    return people, links


def staff(school: School) -> tuple[list[NewPerson], list[Link]]:
    plain = (
        "administrator",
        "executive",
        "data_scientist",
        "operator",
        "privacy_officer",
        "corporate_manager",
    )
    cast = [p for p in of_place(school.place.key) if p.role in plain]
    people = [_person(school, p.login, p.name, p.role) for p in cast]
    if school.place.has_terms:
        return people, []
    companies = [f"{school.place.prefix}-C{n + 1}" for n in range(len(COMPANIES))]
    people += [
        _person(school, f"manager.{n + 1}", name, "corporate_manager")
        for n, name in enumerate(full_names(rng_of(school.size.seed, school.place, 8), len(companies)))
        if n
    ]
    managers = [p.login for p in people if p.role == "corporate_manager"]
    return people, [Link(w, "sponsors", c) for w, c in zip(managers, companies, strict=True)]


def _person(
    school: School,
    login: str,
    name: str,
    role: str,
    birth_date: date | None = None,
    student_id: str | None = None,
) -> NewPerson:
    return NewPerson(
        login=login if _is_cast(login) else f"{login}.{school.place.prefix.lower()}",
        name=name,
        email=f"{login}@{school.place.key}.example",
        role=role,
        birth_date=birth_date,
        student_id=student_id,
        locale=school.place.locale,
    )


def _is_cast(login: str) -> bool:
    return login in _CAST


_CAST = frozenset(p.login for p in PERSONAS)
