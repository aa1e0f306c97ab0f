"""All that is checked together: submissions in, one entry for the warehouse, an outcome for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.intake.admission import KnownIds, admit
from connectors.intake.counters import Counters
from connectors.intake.envelope import Replayed
from connectors.intake.eventids import Words
from connectors.intake.gatekeeper import SCHEMA, Event, Gatekeeper
from connectors.intake.journal import Entry
from connectors.intake.letters import Letter, refused_letter
from connectors.intake.losses import Fate, Kind
from connectors.intake.postbox import Postbox
from connectors.intake.quality import Judge, Refused, Tally, not_own
from connectors.intake.quarantine import Quarantine
from connectors.intake.recording import Given
from connectors.intake.school import School
from connectors.intake.schools import Schools
from connectors.intake.submission import OWN, Outcome, Submission
from connectors.metadata import Consent
from connectors.warehouse import Appended
from connectors.warehouse.deadletters import as_table
from models.event import Rejected
from models.quality import UNKNOWN_TYPE

ACCEPTED, DUPLICATE, QUARANTINED, REJECTED = range(4)
_FATES: tuple[Fate, ...] = ("shed", "repeated", "quarantined", "refused")  # of the four; none of accepted
SHED = "shed"
Statuses = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Batch:
    entry: Entry
    prints: Words


@dataclass(slots=True, eq=False)
class Part:
    """The submissions of one organisation and one source, as one list of events."""

    school: School
    source: str
    submissions: list[Submission]
    events: list[Event]
    starts: list[int]
    status: Statuses
    why: dict[int, tuple[str, str]] = field(default_factory=dict)  # place -> code, detail
    quarantined: dict[int, Letter] = field(default_factory=dict)  # by place
    stored: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    consents: list[Consent] = field(default_factory=list)
    repeated: pa.Table = field(default_factory=SCHEMA.empty_table)  # whole events whose ids were known

    @classmethod
    def of(cls, school: School, submissions: list[Submission]) -> Part:
        events = [event for submission in submissions for event in submission.events]
        starts = np.cumsum([0, *(len(s.events) for s in submissions)]).tolist()
        return cls(
            school, submissions[0].source, submissions, events, starts, np.zeros(len(events), np.uint8)
        )

    def received(self) -> npt.NDArray[np.int64]:
        times = np.array([s.received for s in self.submissions], np.int64)
        return np.repeat(times, np.diff(self.starts))

    def refuse(self, why: Mapping[int, tuple[str, str]]) -> None:
        self.why.update(why)
        self.status[list(why)] = REJECTED


class Group:
    def __init__(
        self,
        keeper: Gatekeeper,
        schools: Schools,
        ids: KnownIds,
        counters: Counters,
        postbox: Postbox,
        quarantine: Quarantine,
        judge: Judge,
    ) -> None:
        self._keeper, self._schools, self._ids, self._counters = keeper, schools, ids, counters
        self._postbox, self._quarantine, self._judge = postbox, quarantine, judge
        self._parts: list[Part] = []
        self._taken: Sequence[Submission] = ()

    def check(self, taken: Sequence[Submission]) -> Batch:
        self._taken = taken
        self._ids.begin()
        buckets: dict[tuple[int, str, bool], list[Submission]] = {}
        for submission in taken:
            replayed = bool(submission.events) and isinstance(submission.events[0], Replayed)
            buckets.setdefault((submission.organisation_id, submission.source, replayed), []).append(
                submission
            )
        checked = []
        for (organisation_id, _, _), submissions in buckets.items():
            part = Part.of(self._schools.get(organisation_id), submissions)
            self._parts.append(part)
            checked.append(self._check_part(part))
        table = pa.concat_tables([table for table, _ in checked]) if checked else SCHEMA.empty_table()
        prints = np.concatenate([p for _, p in checked]) if checked else np.empty(0, np.uint64)
        offsets = {k: v for submission in taken for k, v in submission.offsets.items()}
        return Batch(Entry(table, as_table(self._letters()), self._lacking(), offsets), prints)

    def _check_part(self, part: Part) -> tuple[pa.Table, Words]:
        checked = self._keeper.check(part.school, part.events, part.received(), part.source)
        part.refuse(checked.wrong)
        unknown = sorted(checked.unknown, reverse=True)
        admitted = admit(part.school, checked, self._ids, partial(self._set_aside, part, unknown))
        part.consents = admitted.consents
        part.status[checked.places[~admitted.fresh]] = DUPLICATE
        part.refuse({int(checked.places[row]): why for row, why in admitted.refused.items()})
        self._set_aside(part, unknown)
        part.stored = checked.places[admitted.fresh]
        table, prints = checked.table, checked.prints
        if not admitted.fresh.all():
            known = ~admitted.fresh
            known[list(admitted.refused)] = False
            part.repeated = table.filter(pa.array(known))
            table, prints = table.filter(pa.array(admitted.fresh)), prints[admitted.fresh]
        self._ids.came(part.school.organisation_id, table, prints)
        return table, prints

    def _set_aside(self, part: Part, unknown: list[int], until: int | None = None) -> None:
        """Events of unknown types that arrived before the place `until`, the last of the list first."""
        while unknown and (until is None or unknown[-1] < until):
            self._set_one_aside(part, unknown.pop())

    def _set_one_aside(self, part: Part, place: int) -> None:
        school, event = part.school, part.events[place]
        why = self._quarantine.refusal(school, event)
        if why is not None:
            return part.refuse({place: why})
        if isinstance(event, Replayed):  # its letter is there
            part.status[place] = QUARANTINED
            return None
        letter = self._quarantine.letter(school, part.source, event)
        if isinstance(letter, tuple):
            part.refuse({place: letter})
        elif self._quarantine.is_new(school, event):
            part.status[place] = QUARANTINED
            part.quarantined[place] = letter
        else:
            part.status[place] = DUPLICATE
        return None

    def _letters(self) -> list[Letter]:
        letters: list[Letter] = []
        for part in self._parts:
            for submission, start in zip(part.submissions, part.starts, strict=False):
                letters.extend(self._letters_of(part, submission, start))
        return letters

    def _letters_of(self, part: Part, submission: Submission, start: int) -> Iterator[Letter]:
        school, source = part.school, part.source
        for refused in submission.refused:
            why = refused.rejected
            if refused.raw and self._postbox.has_room(school.organisation_id):
                yield refused_letter(school, source, why.code, why.detail, refused.raw)
        if not part.status[start : start + len(submission.events)].any():
            return
        for place in range(start, start + len(submission.events)):
            if part.status[place] == QUARANTINED and submission.keep_letters:
                yield part.quarantined[place]
            elif part.status[place] == REJECTED and submission.keep_letters:
                code, detail = part.why[place]
                if self._postbox.has_room(school.organisation_id):
                    event = part.events[place]
                    as_sent = self._keeper.as_sent(event.event_type)
                    yield refused_letter(school, source, code, detail, event, as_sent)

    def _lacking(self) -> pa.Table:
        """How good was what arrived and is not stored: what was known, what was refused."""
        tally = Tally(self._judge)
        for part in self._parts:
            tally.repeated(not_own(part.repeated))
            tally.refused(_refusals(part))
        return tally.rows()

    def confirm(self, appended: Appended | None) -> None:
        """It is durable; `appended` is what the warehouse did, if it has it already."""
        self._quarantine.confirm()
        if appended is not None and not self._ids.are_sure:
            self._take_over(np.asarray(appended.inserted))

    def _take_over(self, inserted: npt.NDArray[np.bool_]) -> None:
        """Another process may have stored an id in the meantime: the database has the last word."""
        start = 0
        for part in self._parts:
            mine = inserted[start : start + len(part.stored)]
            part.status[part.stored[~mine]] = DUPLICATE
            start += len(part.stored)

    def consents(self) -> list[Given]:
        """Those that came as events."""
        return [(part.school.organisation_id, part.consents) for part in self._parts if part.consents]

    def outcomes(self) -> list[Outcome]:
        for part in self._parts:
            if found := self._lost(part):
                self._counters.losses.add(part.school.organisation_id, found)
        made = {id(s): outcome for part in self._parts for s, outcome in self._outcomes_of(part)}
        return [made[id(submission)] for submission in self._taken]

    def _outcomes_of(self, part: Part) -> Iterator[tuple[Submission, Outcome]]:
        for submission, start in zip(part.submissions, part.starts, strict=False):
            end = start + len(submission.events)
            counts = np.bincount(part.status[start:end], minlength=4).tolist()
            rejected = [refused.rejected for refused in submission.refused]
            if counts[REJECTED]:
                places = np.flatnonzero(part.status[start:end] == REJECTED).tolist()
                rejected += [self._rejected(part, submission, start, place) for place in places]
                rejected.sort(key=lambda r: r.index)
            self._count(part.source, counts, rejected)
            accepted, duplicates, quarantined, _ = counts
            yield submission, Outcome(accepted, duplicates, quarantined, tuple(rejected))

    def _rejected(self, part: Part, submission: Submission, start: int, place: int) -> Rejected:
        code, detail = part.why[start + place]
        return Rejected(submission.index(place), part.events[start + place].event_id, code, detail)

    def _lost(self, part: Part) -> Counter[Kind]:
        found: Counter[Kind] = Counter()
        for place in np.flatnonzero(part.status).tolist():
            if part.source == OWN and part.status[place] == DUPLICATE:
                continue
            named = self._keeper.known(part.events[place].event_type)
            status = int(part.status[place])
            code = part.why[place][0] if status == REJECTED else ""
            found[Kind(_FATES[status], *named, code)] += 1
        for submission in part.submissions:  # what was shed is counted where it was shed
            codes = (refused.rejected.code for refused in submission.refused)
            found.update(Kind("refused", "", "", code) for code in codes if code != SHED)
        return found

    def _count(self, source: str, counts: list[int], rejected: list[Rejected]) -> None:
        counters = self._counters
        for counter, number in zip(
            (counters.processed, counters.duplicates, counters.quarantined), counts[:3], strict=True
        ):
            if number:
                counter.labels(source).inc(number)
        for code, number in Counter(one.code for one in rejected).items():
            counters.rejected.labels(code).inc(number)


def _refusals(part: Part) -> Iterator[Refused]:
    """What was refused has no time that could be trusted: it counts on the day it came."""
    codes = {place: code for place, (code, _) in part.why.items()}
    codes |= dict.fromkeys(np.flatnonzero(part.status == QUARANTINED).tolist(), UNKNOWN_TYPE)
    kinds = [(part.events[place].event_type, code) for place, code in codes.items()]
    received = part.received()[list(codes)].tolist() if codes else []
    for submission in part.submissions:  # what was shed says nothing about the data
        refused = [one.rejected.code for one in submission.refused if one.rejected.code != SHED]
        kinds += [("", code) for code in refused]
        received += [submission.received] * len(refused)
    if not kinds:
        return
    days = part.school.local.day_and_hour(np.array(received, np.int64))[0].to_pylist()
    found = Counter((day, kind, code) for day, (kind, code) in zip(days, kinds, strict=True))
    for (day, kind, code), events in found.items():
        yield Refused(part.school.organisation_id, part.source, day, kind, code, events)
