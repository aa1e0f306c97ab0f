"""The doorway inside core: signing in and out, and the desk behind a session's secret."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.desk import LocalDesk
from app.door import Door
from app.doorway import Persona
from app.looks import Caller, moved
from app.signin import SignIn
from connectors.demo.cast import PERSONAS
from models.ask import Watermark


class LocalDoorway:
    def __init__(self, door: Door) -> None:
        self._door = door
        self._sign_in = SignIn(door.metadata, door.settings)

    async def desk(self, secret: str) -> LocalDesk | None:
        viewer = await self._door.light(self._door.metadata.sessions.viewer, secret)
        return None if viewer is None else LocalDesk(self._door, viewer, secret)

    async def sign_in(self, login: str, password: str, address: str, was: str = "") -> str:
        return await self._door.light(self._sign_in.sign_in, login, password, address, was)

    async def become(self, login: str, was: str = "") -> str:
        return await self._door.light(self._sign_in.sign_in_as, login, "", was)

    async def sign_out(self, secret: str) -> None:
        await self._door.light(self._sign_in.sign_out, secret)

    async def personas(self) -> list[Persona]:
        return await self._door.light(self._personas)

    def _personas(self) -> list[Persona]:
        """The cast of the demo school; where another school was generated, some of each role."""
        if not self._door.settings.demo:
            return []
        people = self._door.metadata.people
        known = [(p, people.by_login(p.login)) for p in PERSONAS]
        cast = [self._sign_in.persona(one, p.role, p.line) for p, one in known if one]
        return cast or self._sign_in.personas()

    async def ready(self) -> str | None:
        return None

    async def moved(self, since: Sequence[tuple[str, int]]) -> list[bool]:
        return await self._door.light(self._moved, since)

    def _moved(self, since: Sequence[tuple[str, int]]) -> list[bool]:
        return [self._has_moved(secret, number) for secret, number in since]

    def _has_moved(self, secret: str, since: int) -> bool:
        viewer = self._door.metadata.sessions.viewer(secret)
        return viewer is None or moved(Caller(self._door, viewer, self._door.scope(viewer), secret), since)

    def watermark(self) -> Watermark:
        return self._door.watermark()

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        return self._door.telling.on_change(told)
