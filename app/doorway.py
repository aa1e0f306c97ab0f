"""How one who holds only a session's secret, or nothing yet, comes to a desk.

Core has it at hand (`app.desk`); a ui process has it over the socket (`app.remote.Line`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.ask import Watermark
from models.desk import Desk


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody of the demo school whom a visitor may become."""

    login: str
    name: str
    role: str
    about: str = ""  # what the role is for, in its own words
    place: str = ""  # the organisation's name
    opens: tuple[str, ...] = ()  # the actions of pages that the role may open


class Doorway(Protocol):
    """Core as seen by somebody who is not signed in yet. Every method may raise a HeadwayError."""

    async def desk(self, secret: str) -> Desk | None:
        """The desk of the session behind the secret; every call on it looks the session up anew."""
        ...

    async def sign_in(self, login: str, password: str, address: str, was: str = "") -> str:
        """A new session's secret; the one behind `was` ends. Raises NotSignedIn, or TooMany (locked out)."""
        ...

    async def become(self, login: str, was: str = "") -> str:
        """Demo mode only: a new session's secret without a password; the one behind `was` ends."""
        ...

    async def sign_out(self, secret: str) -> None: ...

    async def personas(self) -> Sequence[Persona]:
        """Whom the picker offers; empty outside demo mode."""
        ...

    async def ready(self) -> str | None:
        """None when core answers, else one sentence why not."""
        ...

    async def moved(self, since: Sequence[tuple[str, int]]) -> Sequence[bool]:
        """For each session whether anything that it may see has changed since a watermark; whoever cannot
        be told so has to ask, and is told why not."""
        ...

    def watermark(self) -> Watermark: ...

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]: ...
