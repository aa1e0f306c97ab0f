"""Whose rows are read, written into the audit before the answer is given, by a thread of its own.

A commit of the audit waits for the disk. In the threads that look sessions up, a few readers of a whole
class would keep everybody else waiting; here whoever waits goes into the next commit together.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from connectors.metadata import AuditEntry
from connectors.metadata.audit import Audit


class Notes:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._lock = threading.Lock()
        self._waiting: list[tuple[Sequence[AuditEntry], Future[None]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")

    def close(self) -> None:
        self._thread.shutdown()

    async def write(self, entries: Sequence[AuditEntry]) -> None:
        """On disk when it returns; raises when they cannot be written, and then nothing may be told."""
        if not entries:
            return
        written: Future[None] = Future()
        with self._lock:
            self._waiting.append((entries, written))
        self._thread.submit(self._write_waiting)
        await asyncio.wrap_future(written)

    def _write_waiting(self) -> None:
        with self._lock:
            batches, self._waiting = self._waiting, []
        if not batches:
            return  # written together with those before
        error: Exception | None = None
        try:
            self._audit.write_many([entry for entries, _ in batches for entry in entries])
        except Exception as failed:
            error = failed
        for _, written in batches:
            if not written.set_running_or_notify_cancel():
                continue  # the asker has gone; that the rows were read stands written all the same
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)
