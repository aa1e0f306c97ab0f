"""The set of all known event ids, as 64-bit fingerprints in one flat table of numbers.

A fingerprint that is absent proves the id new. One that is present is confirmed by an exact look-up in
the warehouse before anything is dropped. The cost of a look-up does not grow with what is stored.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from connectors.intake.eventids import Words

_FULL = 0.7
_SOON_FULL = 0.61  # from here on the larger table is made ready
_MOVED = 1 << 16  # slots moved to it at each `add`: growing never stops the writer
_CLEARED = 1 << 18  # slots of it written with zeros at each `add`: memory that was never touched is slow


class Fingerprints:
    def __init__(self, expected: int = 0) -> None:
        self._table = _Table(_bits(expected))
        self._next: _Table | None = None
        self._old: _Table | None = None
        self._moved = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        return sum(table.slots.nbytes for table in (self._table, self._next, self._old) if table)

    def known(self, prints: Words) -> npt.NDArray[np.bool_]:
        found = self._table.known(prints)
        if self._old is not None and not found.all():
            found |= self._old.known(prints)
        return found

    def add(self, prints: Words) -> None:
        """`prints` hold no repeat and nothing that is known."""
        self._make_ready(self._table.used + len(prints), len(prints))
        if self._old is None and self._table.used + len(prints) > _FULL * len(self._table.slots):
            self._old, self._moved = self._table, 0
            self._table, self._next = self._larger(self._table.used + len(prints)), None
        self._table.add(prints)
        self._count += len(prints)
        self._move(max(_MOVED, 4 * len(prints)))

    def _make_ready(self, used: int, more: int) -> None:
        if self._next is not None:
            self._next.clear(max(_CLEARED, 32 * more))
        elif self._old is None and used > _SOON_FULL * len(self._table.slots):
            self._next = _Table(_bits_for_growing(used), cleared=False)

    def _larger(self, used: int) -> _Table:
        """The one made ready, if it is; a bulk that comes at once may have outgrown it."""
        bits = _bits_for_growing(used)
        table = self._next if self._next and len(self._next.slots) >= 1 << bits else _Table(bits, False)
        table.clear(len(table.slots))
        return table

    def _move(self, slots: int) -> None:
        if self._old is None:
            return
        part = self._old.slots[self._moved : self._moved + slots]
        self._table.add(part[part != 0])
        # Slots stay in the old table until it goes: emptying one would break its chains.
        self._moved += slots
        if self._moved >= len(self._old.slots):
            self._old = None


def _bits_for_growing(used: int) -> int:
    """Room for what comes while the old table is moved, a quarter of its slots at most."""
    return _bits(int(1.4 * used))


def _bits(expected: int) -> int:
    return max(16, int(np.ceil(np.log2(max(expected, 1) / _FULL))))


class _Table:
    """Open addressing with linear probing, whole batches at a time."""

    def __init__(self, bits: int, cleared: bool = True) -> None:
        self.slots = np.zeros(1 << bits, np.uint64) if cleared else np.empty(1 << bits, np.uint64)
        self._cleared = len(self.slots) if cleared else 0
        self.used = 0
        self._shift = np.uint64(64 - bits)
        self._last = (1 << bits) - 1

    def clear(self, slots: int) -> None:
        self.slots[self._cleared : self._cleared + slots] = 0
        self._cleared += slots

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
