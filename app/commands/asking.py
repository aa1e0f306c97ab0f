"""A question to a running Headway by address and token."""

from __future__ import annotations

import json
from datetime import datetime

import httpx
import pyarrow as pa

from app.rest.answers import ARROW
from compute.urls import to_query
from models.ask import Answer, Ask, ColumnMeaning
from models.errors import BadQuestion, NotFound, NotSignedIn, Unavailable

_KINDS = {400: BadQuestion, 401: NotSignedIn, 404: NotFound}


def over_http(ask: Ask, token: str, url: str) -> Answer:
    headers = {"authorization": f"Bearer {token}", "accept": ARROW}
    try:
        answered = httpx.get(
            f"{url}/api/v1/query",
            params=httpx.QueryParams(tuple(to_query(ask))),
            headers=headers,
            timeout=120,
        )
    except httpx.TransportError:
        raise Unavailable(
            f"Nothing answers at {url}. Start it with ./headway demo or ./headway serve."
        ) from None
    if answered.status_code != 200:
        raise _KINDS.get(answered.status_code, Unavailable)(_detail(answered))
    table = pa.ipc.open_stream(answered.content).read_all()
    told = json.loads(table.schema.metadata[b"headway"])
    return Answer(
        ask=ask,
        table=table,
        columns=tuple(ColumnMeaning(**column) for column in told["columns"]),
        as_of=datetime.fromisoformat(told["as_of"]),
        watermark=0,
        key="",
        suppressed=told["suppressed"],
        notes=tuple(told["notes"]),
    )


def _detail(answered: httpx.Response) -> str:
    try:
        return str(answered.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return (
            f"It answered with status {answered.status_code}, and not as Headway does. Is the address right?"
        )
