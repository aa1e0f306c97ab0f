"""A desk by address and token, over the API: for a notebook and for `./headway ask --token`.

Core decides everything by the token, as for any request. There are no names on this desk, and it changes
nothing: what is looked at in a notebook stays pseudonymous.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow as pa
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from app.rest.answers import ARROW
from app.rest.catalogue import NARROWED
from app.telling import Telling
from compute.urls import to_query
from models.ask import Answer, Ask, ColumnMeaning, Watermark
from models.errors import BadQuestion, NotFound, NotSignedIn, TooMany, Unavailable
from models.scope import Viewer

_KINDS = {400: BadQuestion, 401: NotSignedIn, 404: NotFound}
_LONGEST_S = 120
_RETRY_S = 2.0


def over_http(ask: Ask, token: str, url: str) -> Answer:
    answered = _got(f"{url}/api/v1/query", token, tuple(to_query(ask)), ARROW)
    table = pa.ipc.open_stream(answered.content).read_all()
    told = json.loads(table.schema.metadata[b"headway"])
    return Answer(
        ask=ask,
        table=table.replace_schema_metadata(None),
        columns=tuple(ColumnMeaning(**column) for column in told["columns"]),
        as_of=datetime.fromisoformat(told["as_of"]),
        watermark=told["watermark"],
        key=told["key"],
        source=told["source"],
        suppressed=told["suppressed"],
        notes=tuple(told["notes"]),
    )


def _got(
    url: str, token: str, fields: Sequence[tuple[str, Any]] = (), accept: str = "application/json"
) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}", "accept": accept}
    try:
        answered = httpx.get(
            url, params=httpx.QueryParams(tuple(fields)), headers=headers, timeout=_LONGEST_S
        )
    except httpx.TransportError:
        raise Unavailable(
            f"Nothing answers at {url.split('/api/')[0]}. Start it with ./headway demo or ./headway serve."
        ) from None
    if answered.status_code == 429:
        raise TooMany(_detail(answered), retry_after_s=3)
    if answered.status_code != 200:
        raise _KINDS.get(answered.status_code, Unavailable)(_detail(answered))
    return answered


def _detail(answered: httpx.Response) -> str:
    try:
        return str(answered.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return (
            f"It answered with status {answered.status_code}, and not as Headway does. Is the address right?"
        )


class TokenDesk:
    """`models.desk.Desk`, for whom the token acts. `open` asks core who that is."""

    def __init__(self, token: str, url: str, viewer: Viewer) -> None:
        self._token, self._url, self._viewer = token, url.rstrip("/"), viewer
        self._telling: Telling[Watermark] = Telling()
        self._line: Telling[bool] = Telling()
        self._newest = Watermark(0, datetime.fromtimestamp(0, UTC))
        self._following: threading.Thread | None = None

    @classmethod
    def open(cls, token: str, url: str) -> TokenDesk:
        me = looked("me", token, url)
        viewer = Viewer(
            person_id=str(me["person_id"]),
            organisation_id=int(me["organisation"]["id"]),
            role=str(me["role"]),
            actions=frozenset(me["actions"]),
            via="token",
        )
        return cls(token, url, viewer)

    @property
    def viewer(self) -> Viewer:
        return self._viewer

    async def ask(self, ask: Ask) -> Answer:
        return await asyncio.to_thread(self.ask_now, ask)

    def ask_now(self, ask: Ask) -> Answer:
        """The same for who cannot wait: a cell without `await`."""
        answer = over_http(ask, self._token, self._url)
        if answer.watermark > self._newest.number:
            self._newest = Watermark(answer.watermark, answer.as_of)
        return answer

    async def names(self, learners: Sequence[int]) -> Mapping[int, str]:
        return {}

    async def look(self, what: str, **fields: Any) -> Any:
        if fields and what not in NARROWED:
            raise BadQuestion("A notebook looks at the whole; it names no fields.")
        return await asyncio.to_thread(looked, what, self._token, self._url, **fields)

    async def do(self, deed: str, **fields: Any) -> Any:
        raise BadQuestion("A notebook changes nothing. Sign in and do it on the page.")

    def watermark(self) -> Watermark:
        return self._newest

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        if self._following is None:
            self._following = threading.Thread(target=self._follow, name="headway-live", daemon=True)
            self._following.start()
        return self._telling.on_change(told)

    def on_line(self, told: Callable[[bool], None]) -> Callable[[], None]:
        return self._line.on_change(told)

    def _follow(self) -> None:
        """The live stream tells when data moved; it is looked for again when it breaks."""
        address = self._url.replace("http", "ws", 1) + "/api/v1/live"
        while True:
            with (
                contextlib.suppress(OSError, WebSocketException, TimeoutError),
                connect(
                    address, additional_headers={"Authorization": f"Bearer {self._token}"}, max_queue=None
                ) as live,
            ):
                live.send("{}")
                self._line.tell(True)
                for message in live:
                    self._hear(json.loads(message))
            self._line.tell(False)
            time.sleep(_RETRY_S)

    def _hear(self, message: Mapping[str, Any]) -> None:
        number = message.get("watermark")
        if isinstance(number, int) and number > self._newest.number:
            self._newest = replace(self._newest, number=number, at=datetime.now(UTC))
            self._telling.tell(self._newest)


def looked(what: str, token: str, url: str, **fields: Any) -> Any:
    """What the desk tells that is not a question: oneself, the catalogue, one's courses and classes."""
    found = _got(f"{url.rstrip('/')}/api/v1/look/{what}", token, tuple(fields.items()))
    return found.json()["rows"][0]["told"]
