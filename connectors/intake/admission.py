"""Which rows of a checked group go in: lawful at their own time, and not known yet.

Runs on the writer's thread alone, in the order in which events arrived, so that a consent event
decides about the very next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.intake.consent import FOREVER, Lawfulness, Step
from connectors.intake.eventids import Words
from connectors.intake.fingerprints import Fingerprints
from connectors.intake.gatekeeper import Checked
from connectors.intake.school import School
from connectors.intake.storing import Storing
from connectors.metadata import Consent
from connectors.metadata.consents import Basis
from connectors.warehouse import Warehouse

Mask = npt.NDArray[np.bool_]
GRANTED, WITHDRAWN = "consent_granted", "consent_withdrawn"
_CONSENT_TYPES = pa.array([GRANTED, WITHDRAWN])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DETAILS = {
    "no-lawful-basis": "No lawful basis is recorded for this learner at the time of the event.",
    "no-guardian-consent": "The learner was under 13 and no guardian had consented.",
}


@dataclass(slots=True)
class Admitted:
    fresh: Mask  # rows to be stored
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)  # row -> code, detail
    consents: list[Consent] = field(default_factory=list)  # to be recorded once committed


class KnownIds:
    """Exact on both engines. On DuckDB fingerprints spare the look-up; on Postgres, where other
    processes write too, the database itself has the last word when it stores the rows."""

    def __init__(self, warehouse: Warehouse, storing: Storing, prints: Fingerprints | None) -> None:
        self._warehouse, self._storing = warehouse, storing
        self._prints = prints
        self._has_failed = False
        self.begin()

    @property
    def are_sure(self) -> bool:
        return self._prints is not None

    def known(self, table: pa.Table, prints: Words) -> Mask:
        if self._prints is None:
            return np.zeros(len(prints), np.bool_)
        hits = self._prints.known(prints)
        if hits.any():
            hits[hits] = self.stored(table.filter(pa.array(hits)))
        return hits | self._came(table, prints)

    def begin(self) -> None:
        """A group, of which each part is one organisation's from one source."""
        self._group: dict[int, list[tuple[pa.Table, Words]]] = {}

    def came(self, organisation_id: int, fresh: pa.Table, prints: Words) -> None:
        """In this group; another source of the organisation may bring the same."""
        self._group.setdefault(organisation_id, []).append((fresh, prints))

    def _came(self, table: pa.Table, prints: Words) -> Mask:
        found = np.zeros(len(prints), np.bool_)
        if not len(table) or not (parts := self._group.get(table["organisation_id"][0].as_py())):
            return found
        for fresh, before in parts:
            if np.isin(prints, before).any():
                ids = fresh["event_id"].combine_chunks()
                found |= np.asarray(pc.is_in(table["event_id"], value_set=ids))
        return found

    def stored(self, rows: pa.Table) -> Mask:
        """A repeat nearly always bears its old time, so its own day is looked at first."""
        there = self._storing.holds(rows)
        for days in (pc.unique(rows["day"]).to_pylist(), None):
            if not there.all():
                rest = rows.filter(pa.array(~there)).select(["organisation_id", "event_id"])
                there[~there] = _mask(self._warehouse.known(rest, days))
        return there

    def add(self, prints: Words) -> None:
        """Of rows that are stored now."""
        if self._prints is not None and len(prints):
            if self._has_failed:  # what failed is sent again
                prints = np.unique(prints)
                prints = prints[~self._prints.known(prints)]
            self._prints.add(prints)

    def add_failed(self, prints: Words) -> None:
        """Of rows that may be stored: a hit only means that they are looked up."""
        self._has_failed = True
        self.add(prints)


def admit(
    school: School, checked: Checked, ids: KnownIds, before: Callable[[int], None] = lambda place: None
) -> Admitted:
    """`before` is called when a consent event at this place is about to change what is lawful: whatever else
    arrived earlier is to be judged now."""
    known = ids.known(checked.table, checked.prints)
    consents = np.asarray(pc.is_in(checked.table["event_type"], _CONSENT_TYPES))
    admitted = Admitted(~known)
    if consents.any():
        _through_changes(school, checked, consents, known, ids, admitted, before)
    else:
        _refuse_unlawful(school.lawful, checked, slice(None), np.arange(len(known)), known, admitted)
    if admitted.refused and not ids.are_sure:
        _forgive_stored(checked, ids, admitted)
    _drop_repeats(checked, admitted.fresh)
    return admitted


def _forgive_stored(checked: Checked, ids: KnownIds, admitted: Admitted) -> None:
    """A repeat of what is stored is a duplicate, whatever became of the consent since."""
    rows = list(admitted.refused)
    for row, there in zip(rows, ids.stored(checked.table.take(rows)).tolist(), strict=True):
        if there:
            del admitted.refused[row]


def _refuse_unlawful(
    lawful: Lawfulness,
    checked: Checked,
    where: slice,
    rows: npt.NDArray[np.int64],
    known: Mask,
    into: Admitted,
) -> None:
    part = rows[where]
    _, refused = lawful.lawful(checked.learners[part], checked.at[part])
    for place, standing in refused.items():
        row = int(part[place])
        if not known[row]:
            into.fresh[row] = False
            into.refused[row] = (standing, _DETAILS[standing])


def _through_changes(
    school: School,
    checked: Checked,
    consents: Mask,
    known: Mask,
    ids: KnownIds,
    into: Admitted,
    before: Callable[[int], None],
) -> None:
    """Consent events split the group: what arrived before one does not know of it."""
    rows = np.argsort(checked.places, kind="stable")
    changes = np.flatnonzero(consents[rows]).tolist()
    if not ids.are_sure:
        of_consent = np.flatnonzero(consents)
        known[of_consent] = ids.stored(checked.table.take(pa.array(of_consent)))
        into.fresh &= ~known
    seen: set[int] = set()
    start = 0
    for place in [*changes, len(rows)]:
        _refuse_unlawful(school.lawful, checked, slice(start, place), rows, known, into)
        start = place + 1
        if place < len(rows):
            row = int(rows[place])
            print_ = int(checked.prints[row])
            if not known[row] and print_ not in seen:
                before(int(checked.places[row]))
                _change(school, checked, row, into)
                seen.add(print_)


def _change(school: School, checked: Checked, row: int, into: Admitted) -> None:
    event = checked.table.slice(row, 1).to_pylist()[0]
    by_guardian = '"given_by":"guardian"' in (event["payload"] or "")
    learner_id, at = int(checked.learners[row]), int(checked.at[row])
    if event["event_type"] == GRANTED and not by_guardian and not school.lawful.is_of_age(learner_id, at):
        into.fresh[row] = False
        into.refused[row] = ("no-guardian-consent", _DETAILS["no-guardian-consent"])
        return
    basis: Basis = "withdrawn" if event["event_type"] == WITHDRAWN else _granted(by_guardian)
    since = _EPOCH + timedelta(microseconds=at)
    consent = Consent(learner_id, basis, since, purpose=event["choice"], event_id=event["event_id"])
    into.consents.append(consent)
    if consent.purpose == "analytics":
        school.lawful.change([(learner_id, Step(at, FOREVER, basis))])


def _granted(by_guardian: bool) -> Basis:
    return "guardian-consent" if by_guardian else "consent"


def _drop_repeats(checked: Checked, fresh: Mask) -> None:
    """Of several rows with one id, the one that arrived first stays."""
    rows = np.flatnonzero(fresh)
    prints = checked.prints[rows]
    if (np.diff(np.sort(prints)) > 0).all():
        return
    ids = checked.table["event_id"].take(pa.array(rows)).to_pylist()
    first: dict[str, int] = {}
    for at in np.argsort(checked.places[rows], kind="stable").tolist():
        if first.setdefault(ids[at], at) != at:
            fresh[rows[at]] = False


def _mask(answer: pa.Array) -> Mask:
    return np.array(answer.to_numpy(zero_copy_only=False), dtype=np.bool_)
