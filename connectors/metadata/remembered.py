"""What was looked up, kept only as long as the database's version counter stands still."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._version = 0
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, version: int, key: K) -> V | None:
        with self._lock:
            return self._values.get(key) if version == self._version else None

    def put(self, version: int, key: K, value: V) -> None:
        """`version` is the one read before the value was looked up, so a change in between shows."""
        with self._lock:
            if version < self._version:
                return
            if version > self._version:
                self._version = version
                self._values.clear()
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
