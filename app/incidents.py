"""What nobody expected: noted under a number, told as one sentence, without anybody's data."""

from __future__ import annotations

import logging
import traceback
import uuid

from models.errors import Unavailable

log = logging.getLogger("headway.incident")


def incident(error: BaseException, where: str) -> Unavailable:
    """Logs kind and place, never the message: a database quotes the value that it could not take."""
    number = uuid.uuid4().hex[:8]
    places = [
        f"{frame.filename.rsplit('/', 2)[-2]}/{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)[-6:]
    ]
    log.error(
        "unexpected %s in %s",
        type(error).__name__,
        where,
        extra={"incident": number, "places": " > ".join(places)},
    )
    return Unavailable(f"Something went wrong here. It is noted as incident {number}; please try again.")
