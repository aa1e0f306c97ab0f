"""What would stand in the log."""

from __future__ import annotations

import logging

from app.logs import JsonLines


class Written(logging.Handler):
    """Every line, as the log has it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("http"):  # a test's own client
            self.lines.append(self.format(record))
