"""The set of all known event ids, as 64-bit fingerprints in one flat table of numbers.

A fingerprint that is absent proves the id new. One that is present is confirmed by an exact look-up in
the warehouse before anything is dropped. The cost of a look-up does not grow with what is stored.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from connectors.intake.eventids import Words

_FULL = 0.7
_MOVED = 1 << 16  # slots moved to a larger table at each `add`: growing never stops the writer


class Fingerprints:
    def __init__(self, expected: int = 0) -> None:
        self._table = _Table(_bits(expected))
        self._old: _Table | None = None
        self._moved = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        return self._table.slots.nbytes + (self._old.slots.nbytes if self._old else 0)

    def known(self, prints: Words) -> npt.NDArray[np.bool_]:
        found = self._table.known(prints)
        if self._old is not None and not found.all():
            found |= self._old.known(prints)
        return found

    def add(self, prints: Words) -> None:
        """`prints` hold no repeat and nothing that is known."""
        if self._old is None and self._table.used + len(prints) > _FULL * len(self._table.slots):
            self._old, self._moved = self._table, 0
            self._table = _Table(_bits(2 * (self._old.used + len(prints))))
        self._table.add(prints)
        self._count += len(prints)
        self._move(max(_MOVED, 4 * len(prints)))

    def _move(self, slots: int) -> None:
        if self._old is None:
            return
        part = self._old.slots[self._moved : self._moved + slots]
        self._table.add(part[part != 0])
        # Slots stay in the old table until it goes: emptying one would break its chains.
        self._moved += slots
        if self._moved >= len(self._old.slots):
            self._old = None


def _bits(expected: int) -> int:
    return max(16, int(np.ceil(np.log2(max(expected, 1) / _FULL))))


class _Table:
    """Open addressing with linear probing, whole batches at a time."""

    def __init__(self, bits: int) -> None:
        self.slots = np.zeros(1 << bits, dtype=np.uint64)
        self.used = 0
        self._shift = np.uint64(64 - bits)
        self._last = (1 << bits) - 1

    def _home(self, prints: Words) -> npt.NDArray[np.int64]:
        return (prints >> self._shift).astype(np.int64)

    def known(self, prints: Words) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(prints), dtype=np.bool_)
        open_, places = np.arange(len(prints)), self._home(prints)
        while len(open_):
            there = self.slots[places]
            same = there == prints[open_]
            found[open_[same]] = True
            further = (there != 0) & ~same
            open_, places = open_[further], (places[further] + 1) & self._last
        return found

    def add(self, prints: Words) -> None:
        left, places = prints, self._home(prints)
        while len(left):
            free = self.slots[places] == 0
            self.slots[places[free]] = left[free]
            # Two that wanted one slot: the last one written has it, the others go on.
            missed = self.slots[places] != left
            left, places = left[missed], (places[missed] + 1) & self._last
        self.used += len(prints)
