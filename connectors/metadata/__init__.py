"""The metadata database: people, who may see what, and the record of who did. SQLite or Postgres."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType

from config.roles import Roles, read_roles
from config.settings import Settings
from connectors.metadata.audit import Audit, AuditEntry, AuditReport, AuditRow
from connectors.metadata.board import Board
from connectors.metadata.consents import Consent, Consents
from connectors.metadata.interventions import Intervention, Interventions
from connectors.metadata.keys import Keys, now
from connectors.metadata.migrating import migrate
from connectors.metadata.organisations import Organisation, Organisations, Pseudonyms
from connectors.metadata.passwords import Hasher, LockRules, Passwords
from connectors.metadata.people import NewPerson, People, Person
from connectors.metadata.preferences import SavedSettings
from connectors.metadata.relations import NewRelation, Relation, Relations
from connectors.metadata.scopes import Scopes
from connectors.metadata.sessions import SessionRules, Sessions
from connectors.metadata.store import Store
from connectors.metadata.tokens import Token, Tokens
from models.scope import Scope, Viewer

__all__ = [
    "AuditEntry",
    "AuditReport",
    "AuditRow",
    "Consent",
    "Intervention",
    "LockRules",
    "Metadata",
    "NewPerson",
    "NewRelation",
    "Organisation",
    "Person",
    "Pseudonyms",
    "Relation",
    "SessionRules",
    "Token",
    "metadata_of",
    "open_metadata",
]


class Metadata:
    """Every call blocks for a short time and is safe from many threads."""

    def __init__(
        self,
        store: Store,
        secret: bytes,
        *,
        roles: Roles,
        audit_head: Path | None,
        session_rules: SessionRules,
        lock_rules: LockRules,
        hasher: Hasher,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._keys = keys = Keys(secret)
        self.roles = roles
        self.organisations = Organisations(store, keys)
        self.people = People(store, keys, self.organisations, hasher.hash)
        self.relations = Relations(store, keys)
        self.sessions = Sessions(store, keys, roles, session_rules, clock)
        self.tokens = Tokens(store, self.people, roles, clock)
        self.passwords = Passwords(store, keys, self.people, hasher, lock_rules, clock)
        self.audit = Audit(store, keys, audit_head, clock)
        self.consents = Consents(store)
        self.interventions = Interventions(store, keys, clock)
        self.settings = SavedSettings(store, clock)
        self.board = Board(store, keys, self.settings, clock)
        self._scopes = Scopes(store, self.people, self.relations, roles)

    def migrate(self) -> None:
        """Bring the schema forward; raise NewerSchema when it is ahead of this program."""
        migrate(self._store, self._keys, self.audit.begin)

    def scope_of(self, viewer: Viewer, on: date) -> Scope:
        """The rows the viewer may see on that day, by relations as they are now."""
        return self._scopes.scope_of(viewer, on)

    def version(self) -> int:
        """Moves with every change of who may see what."""
        return self._store.version()

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Metadata:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def metadata_of(settings: Settings) -> Metadata:
    """The metadata database as the settings describe it. Does not migrate."""
    return open_metadata(
        settings.metadata,
        settings.secret,
        roles=read_roles(settings.roles),
        audit_head=settings.audit_head,
        session_rules=SessionRules(
            timedelta(seconds=settings.session_idle_s),
            timedelta(seconds=settings.session_limit_s),
            settings.sessions_per_person,
        ),
    )


def open_metadata(
    url: str,
    secret: bytes,
    *,
    roles: Roles | None = None,
    audit_head: Path | None = None,
    session_rules: SessionRules | None = None,
    lock_rules: LockRules | None = None,
    hasher: Hasher | None = None,
    clock: Callable[[], datetime] = now,
) -> Metadata:
    """A path opens SQLite, a postgresql:// URL opens Postgres. Does not migrate."""
    return Metadata(
        Store(url),
        secret,
        roles=roles or read_roles(),
        audit_head=audit_head,
        session_rules=session_rules or SessionRules(),
        lock_rules=lock_rules or LockRules(),
        hasher=hasher or Hasher(),
        clock=clock,
    )
