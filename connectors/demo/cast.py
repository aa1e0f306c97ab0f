"""The people of the persona picker: whom a visitor may become, and what there is to see as them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Persona:
    login: str
    name: str
    role: str
    place: str  # key of the place
    line: str


PERSONAS = (
    Persona("mia", "Mia Keller", "student", "northfield", "Learns steadily; six months of good data."),
    Persona("jana", "Jana Keller", "guardian", "northfield", "Mother of Mia and of Noah, who is twelve."),
    Persona("hartmann", "Tomas Hartmann", "teacher", "northfield", "Teaches three groups of Algebra I."),
    Persona("amara", "Amara Osei", "administrator", "northfield", "Runs Northfield Academy's platform."),
    Persona(
        "helena", "Helena Brandt", "executive", "northfield", "Head of the academy; sees no single learner."
    ),
    Persona("jonas", "Jonas Vogel", "student", "northfield", "Finds it hard; low scores of late."),
    Persona("leo", "Leo Nwosu", "student", "northfield", "New since yesterday; hardly any data yet."),
    Persona("noah", "Noah Keller", "student", "northfield", "Learns at the weekend; under thirteen."),
    Persona("selin", "Selin Kaya", "student", "northfield", "Turned eighteen a few days ago."),
    Persona("aylin", "Aylin Kaya", "guardian", "northfield", "Mother of Selin, who is of age: sees no more."),
    Persona("emil", "Emil Novak", "student", "northfield", "Crams before deadlines, late at night."),
    Persona("pavel", "Pavel Novak", "guardian", "northfield", "Father of Emil; his link was revoked."),
    Persona(
        "silva", "Beatriz Silva", "teacher", "northfield", "Has a class with nobody and one with one learner."
    ),
    Persona("okafor", "Emeka Okafor", "teacher", "northfield", "Was a substitute until three weeks ago."),
    Persona("priya", "Priya Iyer", "data_scientist", "northfield", "Works on pseudonymised rows."),
    Persona("oskar", "Oskar Lindqvist", "operator", "northfield", "Keeps it running; sees no learner data."),
    Persona("fiona", "Fiona Becker", "privacy_officer", "northfield", "Consent, erasure, audit."),
    Persona(
        "grace", "Grace Mensah", "student", "brightwater", "Learns for work, paid for by Harbour Logistics."
    ),
    Persona(
        "viktor", "Viktor Petrov", "corporate_manager", "brightwater", "Harbour Logistics sponsors learners."
    ),
    Persona("chen", "Mei Chen", "teacher", "brightwater", "Trainer of three groups in data analysis."),
    Persona("ruth", "Ruth Fontaine", "administrator", "brightwater", "Runs Brightwater Training's platform."),
    Persona("karim", "Karim Haddad", "executive", "brightwater", "Growth and revenue on one page."),
)


def of_place(key: str) -> tuple[Persona, ...]:
    return tuple(p for p in PERSONAS if p.place == key)
