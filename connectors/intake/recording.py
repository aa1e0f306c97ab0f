"""Consents that came as events, on their way into the metadata database.

Their events are stored, so a kill loses nothing: the next start records them. While the metadata database
takes nothing they wait here, and hold all the same.
"""

from __future__ import annotations

import logging
from time import monotonic

from connectors.intake.consent import FOREVER, Step
from connectors.intake.schools import Schools
from connectors.metadata import Consent
from connectors.metadata.keys import micros
from models.errors import HeadwayError, Unavailable

_log = logging.getLogger(__name__)
_AGAIN_S = 2.0
_SHARE = 5  # a locked database is slow to say so: tries take at most one part in so many of the time
Given = tuple[int, list[Consent]]  # of an organisation


class Recording:
    def __init__(self, schools: Schools) -> None:
        self._schools = schools
        self._waiting: list[Given] = []
        self._not_before = 0.0
        self.failure: HeadwayError | None = None

    def add(self, given: list[Given]) -> None:
        self._waiting += given

    def hold(self) -> None:
        """What the gate reads anew from the metadata database lacks those that wait."""
        for organisation_id, consents in self._waiting:
            told = [(c.learner_id, _step(c)) for c in consents if c.purpose == "analytics"]
            self._schools.get(organisation_id).lawful.change(told)

    def try_again(self) -> None:
        if self._waiting and monotonic() >= self._not_before:
            self.record()

    def record(self) -> None:
        started = monotonic()
        try:
            while self._waiting:
                self._schools.record(*self._waiting[0])
                del self._waiting[0]
        except Exception as error:
            _log.warning("consents could not be recorded yet: %s", type(error).__name__)
            self.failure = error if isinstance(error, HeadwayError) else _NOT_YET
            ended = monotonic()
            self._not_before = ended + max(_AGAIN_S, _SHARE * (ended - started))
        else:
            self.failure = None


_NOT_YET = Unavailable("Consents that came as events could not be recorded yet; they hold all the same.")


def _step(one: Consent) -> Step:
    return Step(micros(one.since), FOREVER if one.until is None else micros(one.until), one.basis)
