"""Drawings, kept under their answer's key: drawn once per answer, not once per viewer.

Whatever else a drawing shows or says, of another answer or of the page, belongs into its key.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from pages.cards import Drawing


class Kept:
    def __init__(self, most_bytes: int = 32 << 20) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._drawings: OrderedDict[Hashable, Drawing] = OrderedDict()
        self._lock = threading.Lock()  # a large drawing is made beside the loop

    def get(self, key: Hashable, draw: Callable[[], Drawing]) -> Drawing:
        with self._lock:
            found = self._drawings.get(key)
            if found is not None:
                self._drawings.move_to_end(key)
                return found
        drawing = draw()
        with self._lock:
            if (before := self._drawings.pop(key, None)) is not None:  # somebody was as quick
                self._bytes -= len(before.text)
            self._drawings[key] = drawing
            self._bytes += len(drawing.text)
            while self._bytes > self._most and len(self._drawings) > 1:
                _, oldest = self._drawings.popitem(last=False)
                self._bytes -= len(oldest.text)
        return drawing


KEPT = Kept()
