"""`./headway simulate`: the demo school's learners send their events over HTTP, like clients do."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from app.commands.options import PLACE
from models.errors import BadQuestion, NotSignedIn, Unavailable

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.demo.day import ClientEvent, Day

EVENTS = "/api/v1/events"
TICK_S = 0.25
MOST_A_REQUEST = 500
SENDERS = {"northfield": "amara", "brightwater": "ruth"}  # administrators of the demo, who may send events


@click.command(short_help="Play the demo school's day against a running Headway.")
@click.option("--rate", type=click.FloatRange(0.1, 100_000), default=200, show_default=True, help="Events/s.")
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop after so long; Ctrl-C without it.")
@click.option("--url", help="Where the API answers; the demo's own port without it.")
@click.option("--token", help="Token with action send-events; the demo makes its own without it.")
@click.option("--place", type=click.Choice(list(SENDERS)), help="Whose token it is; with --token only.")
@click.option("--data", type=PLACE, help="Folder of the demo school; .headway/demo without it.")
def simulate(
    rate: float,
    seconds: float | None,
    url: str | None,
    token: str | None,
    place: str | None,
    data: Path | None,
) -> int:
    """Send plausible events of the demo's learners, at a rate, until stopped."""
    from config.settings import read_settings
    from connectors.demo.day import open_days

    if bool(token) != bool(place):
        raise BadQuestion("--token and --place belong together: a token sends for one organisation.")
    settings = read_settings(os.environ, demo=True, data=data)
    days = dict(zip(SENDERS, open_days(settings.data, rate), strict=True))
    tokens = {place: token} if place and token else _tokens(settings)
    sent = Sent()
    with httpx.Client(base_url=url or f"http://127.0.0.1:{settings.api_port}", timeout=30) as client:
        senders = [
            Sender(client, days[key], tokens[key], sent, days[key].share if len(tokens) > 1 else 1.0)
            for key in tokens
        ]
        with _told(sent):
            play(senders, rate, seconds)
    return 0


@dataclass(slots=True)
class Sent:
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    waited_s: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        rate = self.accepted / max(time.monotonic() - self.began, 0.001)
        return (
            f"{self.accepted:,} accepted ({rate:,.0f}/s), {self.duplicates:,} duplicates, "
            f"{self.rejected:,} rejected, {self.waited_s:.0f} s asked to wait"
        )


@dataclass(slots=True)
class Sender:
    client: httpx.Client
    day: Day
    token: str
    sent: Sent
    share: float = 1.0
    taken: int = 0

    def send(self, count: int) -> None:
        self.taken += count
        for start in range(0, count, MOST_A_REQUEST):
            events = self.day.take(min(count - start, MOST_A_REQUEST), datetime.now(UTC))
            answer = self._post(events)
            self.sent.accepted += answer["accepted"]
            self.sent.duplicates += answer["duplicates"]
            self.sent.rejected += len(answer["rejected"])

    def _post(self, events: list[ClientEvent]) -> Any:
        """Tries again when asked to wait; the same ids make that safe."""
        while True:
            try:
                answer = self.client.post(
                    EVENTS, json=events, headers={"Authorization": f"Bearer {self.token}"}
                )
            except httpx.TransportError:
                where = self.client.base_url
                raise Unavailable(f"Nothing answers at {where}. Start it with: ./headway demo") from None
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return _read(answer)
            wait_s = float(answer.headers.get("Retry-After", 1))
            self.sent.waited_s += wait_s
            time.sleep(wait_s)


def _read(answer: httpx.Response) -> Any:
    if answer.status_code == httpx.codes.OK:
        return answer.json()
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise NotSignedIn("The token was refused: it needs the action send-events and must not have expired.")
    raise Unavailable(f"Events were answered with status {answer.status_code}; see the log of Headway.")


@contextmanager
def _told(sent: Sent) -> Iterator[None]:
    """A line that is renewed while it runs, and stays as the last word."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(get_renderable=lambda: Text(sent.line()), console=Console(stderr=True), refresh_per_second=2):
        yield


def _tokens(settings: Settings) -> dict[str, str]:
    from connectors.metadata import metadata_of

    with metadata_of(settings) as metadata:
        return {key: metadata.tokens.create(who, ["send-events"], days=1) for key, who in SENDERS.items()}


def play(senders: list[Sender], rate: float, seconds: float | None) -> None:
    """Open loop: a slow answer is made up for, so that the rate holds on average."""
    began = time.monotonic()
    while seconds is None or time.monotonic() - began < seconds:
        passed = time.monotonic() - began
        for sender in senders:
            count = int(rate * passed * sender.share - sender.taken)
            sender.send(count)
        time.sleep(max(TICK_S - (time.monotonic() - began - passed), 0))
