"""How one who holds only a session's secret, or nothing yet, comes to a desk.

Core has it at hand; a ui process has it over the socket (`app.remote.Line`). Both behave alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from models.ask import Watermark
from models.desk import Desk
from models.scope import Viewer


@dataclass(frozen=True, slots=True)
class Persona:
    """A demo person whom a visitor may become without a password. Only in demo mode."""

    login: str
    name: str
    role: str
    organisation: str
    about: str = ""


class Doorway(Protocol):
    async def viewer(self, secret: str) -> Viewer | None:
        """Whose session it is now; None when it ended or never was."""
        ...

    async def desk(self, secret: str) -> Desk:
        """The desk of the session's person; every call looks the session up anew. Raises NotSignedIn."""
        ...

    async def personas(self) -> list[Persona]:
        """Empty outside demo mode."""
        ...

    async def sign_in(self, login: str, password: str | None = None, was: str = "") -> str:
        """A new session's secret; `was`, the secret the browser held before, ends. Raises NotSignedIn."""
        ...

    async def sign_out(self, secret: str) -> None: ...

    def watermark(self) -> Watermark: ...

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]: ...
