"""How many refused events an organisation may leave behind: a mad sender must not fill the disk."""

from __future__ import annotations

from time import monotonic

from connectors.intake.counters import Counters

_HOUR_S = 3600.0


class Postbox:
    def __init__(self, per_hour: int, counters: Counters) -> None:
        self._per_hour, self._counters = per_hour, counters
        self._left: dict[int, int] = {}
        self._until = 0.0

    def has_room(self, organisation_id: int) -> bool:
        """Takes one place, if there is one."""
        if monotonic() > self._until:
            self._left.clear()
            self._until = monotonic() + _HOUR_S
        left = self._left.setdefault(organisation_id, self._per_hour)
        if left <= 0:
            self._counters.lost_letters.inc()
            return False
        self._left[organisation_id] = left - 1
        return True
