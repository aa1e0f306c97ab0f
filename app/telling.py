"""Telling whoever listens that data moved, or that a line broke."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

News = TypeVar("News")

log = logging.getLogger("headway.telling")


class Telling(Generic[News]):
    def __init__(self) -> None:
        self._listeners: dict[object, Callable[[News], None]] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def on_change(self, told: Callable[[News], None]) -> Callable[[], None]:
        key = object()  # the same function may listen twice, and each is stopped on its own
        self._listeners[key] = told

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def tell(self, news: News) -> None:
        for told in list(self._listeners.values()):
            try:
                told(news)
            except Exception as error:
                # One listener that fails must not keep the news from the others.
                log.error("a listener failed: %s", type(error).__name__)
