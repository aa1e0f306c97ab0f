"""From relations, looked up when a question is asked, to the rows its answer may come from."""

from __future__ import annotations

from datetime import date

from config.roles import Role, Roles
from connectors.metadata.people import People, role_holds
from connectors.metadata.relations import Kind, Relations
from connectors.metadata.remembered import Remembered
from connectors.metadata.schema import MEMBERSHIPS
from connectors.metadata.store import Store
from models.scope import Scope, Viewer

OF_AGE = 18
_Key = tuple[str, int, str, frozenset[str], date]


class Scopes:
    def __init__(self, store: Store, people: People, relations: Relations, roles: Roles) -> None:
        self._store = store
        self._people = people
        self._relations = relations
        self._roles = roles
        self._known: Remembered[_Key, Scope] = Remembered()

    def scope_of(self, viewer: Viewer, on: date) -> Scope:
        """Kept only until anybody's relations, role or session change, in whichever process."""
        key = (viewer.person_id, viewer.organisation_id, viewer.role, viewer.actions, on)
        version = self._store.version()
        known = self._known.get(version, key)
        if known is None:
            held = self._holds_role(viewer, on)
            known = self._scope(viewer, self._roles[viewer.role], on) if held else _nothing(viewer, on)
            self._known.put(version, key, known)
        return known

    def _holds_role(self, viewer: Viewer, on: date) -> bool:
        mine = MEMBERSHIPS.select().where(MEMBERSHIPS.c.person_id == viewer.person_id)
        query = mine.where(MEMBERSHIPS.c.role == viewer.role, role_holds(on))
        with self._store.read() as connection:
            return connection.execute(query).first() is not None and viewer.role in self._roles

    def _scope(self, viewer: Viewer, role: Role, on: date) -> Scope:
        learners: tuple[int, ...] = ()
        classes: tuple[str, ...] = ()
        sponsor_id = None
        match role.rows:
            case "own":
                learners = self._learners(viewer, "is", on)
            case "linked":
                learners = self._children(viewer, self._learners(viewer, "guards", on), on)
            case "taught":
                classes = self._objects(viewer, "teaches", on)
            case "sponsored":
                sponsor_id = next(iter(self._objects(viewer, "sponsors", on)), None)
        return Scope(
            organisation_id=viewer.organisation_id,
            # A sponsor's role without a sponsor must not mean "whoever has no sponsor".
            rows="nothing" if role.rows == "sponsored" and sponsor_id is None else role.rows,
            on=on,
            learners=learners,
            classes=classes,
            sponsor_id=sponsor_id,
            sees_rows=role.sees_rows and viewer.may("ask-learners"),
            sees_names=role.sees_names and viewer.may("see-names"),
        )

    def _objects(self, viewer: Viewer, kind: Kind, on: date) -> tuple[str, ...]:
        relations = self._relations.of(viewer.person_id, on)
        return tuple(sorted({relation.object for relation in relations if relation.kind == kind}))

    def _learners(self, viewer: Viewer, kind: Kind, on: date) -> tuple[int, ...]:
        return tuple(sorted(int(learner) for learner in self._objects(viewer, kind, on)))

    def _children(self, viewer: Viewer, learners: tuple[int, ...], on: date) -> tuple[int, ...]:
        """Whoever came of age decides alone. Without a known birth date the link's own end counts."""
        born = self._people.birth_dates(viewer.organisation_id, learners)
        return tuple(i for i in learners if i not in born or on < comes_of_age(born[i]))


def comes_of_age(born: date) -> date:
    try:
        return born.replace(year=born.year + OF_AGE)
    except ValueError:  # born on 29 February
        return date(born.year + OF_AGE, 3, 1)


def _nothing(viewer: Viewer, on: date) -> Scope:
    return Scope(viewer.organisation_id, "nothing", on)
