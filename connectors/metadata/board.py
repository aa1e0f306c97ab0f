"""Who takes part in a leaderboard, and under which nickname. It is a setting of one's own, and goes with
the person."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from connectors.metadata.keys import Keys, micros
from connectors.metadata.preferences import SavedSettings
from connectors.metadata.schema import PEOPLE, RELATIONS, SETTINGS
from connectors.metadata.store import Store, chunks
from models.errors import BadQuestion, NotFound
from models.nickname import drawn_nickname, is_nickname

NICKNAME = "board.nickname"  # of a person
LEADERBOARD = "leaderboard"  # of an organisation


class Board:
    def __init__(
        self, store: Store, keys: Keys, settings: SavedSettings, clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._store = store
        self._keys = keys
        self._settings = settings
        self._joining = threading.Lock()

    def is_on(self, organisation_id: int) -> bool:
        owner = self._settings.organisation(organisation_id)
        return self._settings.get(owner, LEADERBOARD) is True

    def nickname(self, person_id: str) -> str | None:
        found = self._settings.get(person_id, NICKNAME)
        return str(found) if found else None

    def offers(self, organisation_id: int, count: int = 3) -> list[str]:
        """Free nicknames to choose from."""
        taken, dice = self._taken(organisation_id), random.SystemRandom()
        found: dict[str, None] = {}
        while len(found) < count:
            one = drawn_nickname(dice)
            if one not in taken:
                found[one] = None
        return [*found]

    def join(self, organisation_id: int, person_id: str, nickname: str) -> None:
        if not self.is_on(organisation_id):
            raise NotFound
        if not is_nickname(nickname):
            raise BadQuestion("A nickname is one of those offered, such as 'brave-otter-12'.")
        with self._joining:
            if nickname in self._taken(organisation_id, but=person_id):
                raise BadQuestion("Somebody has this nickname already. Choose another one.")
            self._settings.put(person_id, NICKNAME, nickname)

    def join_many(self, nicknames: Mapping[str, str]) -> None:
        """By person, for a school that is made up: nothing is checked."""
        at = micros(self._clock())
        rows = [
            {"owner": person, "name": NICKNAME, "value": json.dumps(nickname), "changed_at": at}
            for person, nickname in nicknames.items()
        ]
        with self._store.write() as connection:
            self._store.add(connection, SETTINGS, rows)

    def leave(self, person_id: str) -> str | None:
        """The nickname that was left, for who wants back."""
        was = self.nickname(person_id)
        self._settings.put(person_id, NICKNAME, None)
        return was

    def among(self, organisation_id: int, learners: Sequence[int]) -> tuple[tuple[int, str], ...]:
        """Those of the learners who take part, with their nicknames."""
        index = {self._keys.object_index(organisation_id, str(i)): i for i in learners}
        query = select(RELATIONS.c.object_index, SETTINGS.c.value).where(
            RELATIONS.c.organisation_id == organisation_id,
            RELATIONS.c.kind == "is",
            SETTINGS.c.owner == RELATIONS.c.person_id,
            SETTINGS.c.name == NICKNAME,
        )
        with self._store.read() as connection:
            rows = [
                row
                for some in chunks(list(index))
                for row in connection.execute(query.where(RELATIONS.c.object_index.in_(some)))
            ]
        return tuple(sorted((index[bytes(row.object_index)], str(json.loads(row.value))) for row in rows))

    def _taken(self, organisation_id: int, but: str = "") -> set[str]:
        query = select(SETTINGS.c.value).where(
            SETTINGS.c.name == NICKNAME,
            SETTINGS.c.owner == PEOPLE.c.id,
            SETTINGS.c.owner != but,
            PEOPLE.c.organisation_id == organisation_id,
        )
        with self._store.read() as connection:
            return {str(json.loads(row.value)) for row in connection.execute(query)}
