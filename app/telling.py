"""Telling whoever listens that data moved."""

from __future__ import annotations

import logging
from collections.abc import Callable

from models.ask import Watermark

log = logging.getLogger("headway.telling")


class Telling:
    def __init__(self) -> None:
        self._listeners: dict[object, Callable[[Watermark], None]] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        key = object()  # the same function may listen twice, and each is stopped on its own
        self._listeners[key] = told

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def tell(self, moved: Watermark) -> None:
        for told in list(self._listeners.values()):
            try:
                told(moved)
            except Exception as error:
                # One listener that fails must not keep the news from the others.
                log.error("a listener failed: %s", type(error).__name__)
