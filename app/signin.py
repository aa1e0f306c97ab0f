"""Signing in and out. Called by the sign-in page through the socket; blocking, so off the loop."""

from __future__ import annotations

from app.doorway import Persona
from config.roles import OPEN_PAGE
from config.settings import Settings
from connectors.metadata import Metadata, Person
from models.errors import NotFound, NotSignedIn

PER_ROLE = 3


class SignIn:
    def __init__(self, metadata: Metadata, settings: Settings) -> None:
        self._metadata = metadata
        self._demo = settings.demo

    def sign_in(self, login: str, password: str, address: str = "", was: str = "") -> str:
        """A new session's secret; `was`, the one that the browser held, ends. Raises NotSignedIn, TooMany."""
        try:
            person_id = self._metadata.passwords.check(login, password, address)
        except NotSignedIn:
            # While locked nothing is written: a guesser must not fill the audit.
            self._metadata.audit.write("", "sign-in-refused", whence=address)
            raise
        return self._open(person_id, address, was)

    def sign_in_as(self, login: str, address: str = "", was: str = "") -> str:
        """Demo mode only: no password, and only people of a demo school."""
        if not self._demo:
            raise NotFound
        person = self._metadata.people.by_login(login)
        if person is None or not self._is_demo(person):
            raise NotSignedIn("There is nobody with this login in the demo school.")
        return self._open(person.id, address, was)

    def _is_demo(self, person: Person) -> bool:
        return self._metadata.organisations.get(person.organisation_id).demo

    def _open(self, person_id: str, address: str, was: str) -> str:
        secret = self._metadata.sessions.open(person_id)
        if was:
            self._metadata.sessions.close(was)
        viewer = self._metadata.sessions.viewer(secret)
        organisation_id = viewer.organisation_id if viewer else None
        self._metadata.audit.write(person_id, "sign-in", organisation_id=organisation_id, whence=address)
        return secret

    def sign_out(self, secret: str) -> None:
        viewer = self._metadata.sessions.viewer(secret)
        self._metadata.sessions.close(secret)
        if viewer is not None:
            self._metadata.audit.write(viewer.person_id, "sign-out", organisation_id=viewer.organisation_id)

    def personas(self) -> list[Persona]:
        """A few of each role of each demo organisation; empty outside demo mode."""
        if not self._demo:
            return []
        found: list[Persona] = []
        for organisation in self._metadata.organisations.all():
            if organisation.demo:
                people = self._metadata.people.some_of_each_role(organisation.id, PER_ROLE)
                found += [self.persona(one, one.roles[0]) for one in people if self._signs_in(one)]
        return found

    def _signs_in(self, person: Person) -> bool:
        return any(action.startswith(OPEN_PAGE) for action in self._metadata.roles[person.roles[0]].actions)

    def persona(self, person: Person, role_name: str, about: str = "") -> Persona:
        """As the picker shows somebody: with the school, and the pages that the role may open."""
        role, school = (
            self._metadata.roles[role_name],
            self._metadata.organisations.get(person.organisation_id),
        )
        opens = tuple(sorted(action for action in role.actions if action.startswith(OPEN_PAGE)))
        return Persona(person.login, person.name, role.name, about or role.meaning, school.name, opens)
