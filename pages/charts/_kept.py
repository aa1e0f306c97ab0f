"""Drawings, kept under their answer's key: drawn once per answer, not once per viewer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from pages.cards import Drawing


class Kept:
    def __init__(self, most_bytes: int = 32 << 20) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._drawings: OrderedDict[Hashable, Drawing] = OrderedDict()

    def get(self, key: Hashable, draw: Callable[[], Drawing]) -> Drawing:
        found = self._drawings.get(key)
        if found is not None:
            self._drawings.move_to_end(key)
            return found
        drawing = self._drawings[key] = draw()
        self._bytes += len(drawing.text)
        while self._bytes > self._most and len(self._drawings) > 1:
            _, oldest = self._drawings.popitem(last=False)
            self._bytes -= len(oldest.text)
        return drawing


KEPT = Kept()
