"""How a command reaches the one way in: through the Headway that runs, or by opening its files."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from models.errors import (
    BadQuestion,
    HeadwayError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooMany,
    Unavailable,
)

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.intake.writer import Writer
    from connectors.metadata import Metadata
    from connectors.warehouse import Warehouse
    from connectors.warehouse.deadletters import DeadLetters, LetterFilter

ACTIONS = ("send-events", "see-quality", "replay-events")
# Without a core the command is the engine: it shall need little, however long the file.
_MEMORY_MIB, _SETTLED_EVENTS = 512, 100_000
_SENDING_ROLE = "administrator"
_KINDS: dict[int, type[HeadwayError]] = {
    400: BadQuestion,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    429: TooMany,
}


class WayIn(Protocol):
    """Of one organisation."""

    def send(self, ndjson: bytes, *, file: str = "", position: str = "") -> dict[str, Any]:
        """The answer of POST /api/v1/events; raises TooMany when it should be sent again later.
        With a file's fingerprint, `position` is stored in the same transaction."""
        ...

    def position(self, file: str) -> str | None:
        """How far that file was taken in."""
        ...

    def broken_since(self, since: datetime) -> list[str]:
        """Rules of the contract of events that what was stored since then breaks."""
        ...

    def letters(self, **which: Any) -> list[dict[str, Any]]: ...

    def letter(self, letter_id: str) -> dict[str, Any]: ...

    def replay(self, **which: Any) -> dict[str, int]: ...


@contextmanager
def way_in(
    settings: Settings, *, url: str | None, token: str | None, login: str | None, source: str
) -> Iterator[WayIn]:
    if token or url or is_running(settings):
        address = url or f"http://127.0.0.1:{settings.api_port}"
        with _token(settings, token, login) as held, httpx.Client(base_url=address, timeout=120) as client:
            client.headers["authorization"] = f"Bearer {held}"
            yield OverHttp(client)
        return
    with _opened(settings) as (warehouse, metadata, writer):
        yield Direct(warehouse, writer, organisation_of(metadata, settings, login), source)


def is_running(settings: Settings) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(settings.socket))
        except OSError:
            return False
        return True


@contextmanager
def _token(settings: Settings, token: str | None, login: str | None) -> Iterator[str]:
    """Whoever may read the secret may send; the token made for it ends with the command."""
    if token:
        yield token
        return
    from connectors.metadata import metadata_of

    with metadata_of(settings) as metadata:
        who = login or _sender(metadata, settings)
        made = metadata.tokens.create(who, ACTIONS, days=1)
        viewer = metadata.tokens.viewer(made)
        try:
            yield made
        finally:
            if viewer is not None:
                metadata.tokens.revoke(viewer.session_id)


def _sender(metadata: Metadata, settings: Settings) -> str:
    """The only administrator; in a demo, the one of the first school."""
    senders = [p.login for p in metadata.people.all() if _SENDING_ROLE in p.roles]
    if len(senders) == 1 or (senders and settings.demo):
        return senders[0]
    if not senders:
        raise NotFound("No administrator exists yet; make one with ./headway user add.")
    raise BadQuestion(f"Say for whom with --as LOGIN: {', '.join(sorted(senders)[:10])}.")


def organisation_of(metadata: Metadata, settings: Settings, login: str | None) -> int:
    person = metadata.people.by_login(login or _sender(metadata, settings))
    if person is None:
        raise NotFound("There is nobody with this login. See ./headway user list.")
    return person.organisation_id


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Warehouse, Metadata, Writer]]:
    from app.ingest import open_writer
    from app.metrics import Metrics
    from compute.rollups import DELTAS
    from connectors.metadata import metadata_of
    from connectors.warehouse import open_warehouse

    with metadata_of(settings) as metadata:
        metadata.migrate()
        memory_mib = settings.memory_mib or _MEMORY_MIB
        warehouse = open_warehouse(
            settings.warehouse, DELTAS, memory_mib=memory_mib, threads=settings.threads
        )
        warehouse.migrate()
        writer = open_writer(warehouse, metadata, settings, Metrics())
        try:
            yield warehouse, metadata, writer
        finally:
            writer.close()
            warehouse.close()


@dataclass(slots=True)
class OverHttp:
    client: httpx.Client

    def send(self, ndjson: bytes, *, file: str = "", position: str = "") -> dict[str, Any]:
        path = f"/api/v1/imports/{file}" if file else "/api/v1/events"
        moved = {"position": position} if file else {}
        return self._answer("POST", path, content=ndjson, headers=_NDJSON, params=moved)

    def position(self, file: str) -> str | None:
        found: str | None = self._answer("GET", f"/api/v1/imports/{file}")["position"]
        return found

    def broken_since(self, since: datetime) -> list[str]:
        when = {"since": since.isoformat()}
        found: list[str] = self._answer("GET", "/api/v1/contract", params=when)["broken"]
        return found

    def letters(self, **which: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._answer("GET", "/api/v1/deadletters", params=_given(which))[
            "letters"
        ]
        return found

    def letter(self, letter_id: str) -> dict[str, Any]:
        return self._answer("GET", f"/api/v1/deadletters/{letter_id}")

    def replay(self, **which: Any) -> dict[str, int]:
        return self._answer("POST", "/api/v1/deadletters/replay", params=_given(which))

    def _answer(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answered = self.client.request(method, path, **request)
        except httpx.TransportError:
            raise Unavailable(
                f"Nothing answers at {self.client.base_url}. Start it with ./headway demo or serve."
            ) from None
        if answered.status_code != 200:
            raise _KINDS.get(answered.status_code, Unavailable)(_detail(answered))
        body: dict[str, Any] = answered.json()
        return body


_NDJSON = {"content-type": "application/x-ndjson"}


def _given(which: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in which.items() if v is not None}


def _detail(answered: httpx.Response) -> str:
    try:
        return str(answered.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"It answered with status {answered.status_code}, and not as Headway does."


@dataclass(slots=True)
class Direct:
    warehouse: Warehouse
    writer: Writer
    organisation_id: int
    source: str
    _unsettled: int = 0

    def send(self, ndjson: bytes, *, file: str = "", position: str = "") -> dict[str, Any]:
        from connectors.intake.decode import decode
        from connectors.intake.replay import Answer
        from connectors.intake.submission import Submission
        from connectors.intake.times import clock
        from connectors.sources.files import read as read_part
        from connectors.sources.files import source_key

        read = read_part(ndjson) if file else decode(ndjson, "ndjson", self.writer.limits)
        answer = Answer()
        self.writer.put(
            Submission(
                self.organisation_id,
                self.source,
                read.events,
                read.size,
                clock(),
                answer.told,
                refused=read.refused,
                indexes=read.indexes,
                offsets={source_key(self.organisation_id, file): position} if file else {},
                may_be_shed=not file,
            )
        )
        outcome = answer.get()
        self._settle(outcome.accepted)
        return outcome.answer()

    def _settle(self, events: int) -> None:
        """What a running core does in quiet moments: what is neither folded nor in the file takes memory."""
        self._unsettled += events
        if self._unsettled >= _SETTLED_EVENTS:
            self._unsettled = 0
            self.writer.settle()
            self.warehouse.settle()
            self.warehouse.fold()
            self.warehouse.checkpoint()

    def position(self, file: str) -> str | None:
        from connectors.sources.files import source_key

        return self.writer.offsets().get(source_key(self.organisation_id, file))

    def broken_since(self, since: datetime) -> list[str]:
        from connectors.warehouse.checking import broken_since

        self.writer.settle()
        return broken_since(self.warehouse, self.organisation_id, since)

    def letters(self, **which: Any) -> list[dict[str, Any]]:
        return self._letters().newest(self._filter(which))

    def letter(self, letter_id: str) -> dict[str, Any]:
        return self._letters().show(letter_id, self.organisation_id)

    def replay(self, **which: Any) -> dict[str, int]:
        from connectors.intake.replay import replay

        return replay(self.writer, self._letters(), self._filter(which)).answer()

    def _letters(self) -> DeadLetters:
        from connectors.warehouse.deadletters import DeadLetters

        self.writer.settle()
        return DeadLetters(self.warehouse)

    def _filter(self, which: dict[str, Any]) -> LetterFilter:
        from connectors.warehouse.deadletters import LetterFilter

        given = _given(which)
        if given.get("status") == "any":
            given["status"] = None
        return LetterFilter(self.organisation_id, **given)
