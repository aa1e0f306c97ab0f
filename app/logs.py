"""One JSON object a line, with the request's id and without anybody's data."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message", "taskName"}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST_ID.get():
            line["request"] = request
        line |= {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
        if record.exc_info and record.exc_info[0] is not None:
            # An exception's message may quote a value; its kind and place are enough to find it.
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, default=str)


def start_logs(level: str) -> None:
    """Everything that logs, uvicorn and Panel's server too, writes to stderr in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("uvicorn", "bokeh", "panel", "httpx", "alembic"):
        logging.getLogger(chatty).setLevel("WARNING")
    # Their lines hold whole URLs; ours hold the route's pattern.
    for telltale in ("uvicorn.access", "tornado.access"):
        logging.getLogger(telltale).disabled = True
