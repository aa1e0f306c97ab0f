"""The one door: a question is narrowed to its asker's scope before it becomes a query."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from app.deeds import DEEDS
from app.disclosures import disclosure
from app.door import Door
from app.incidents import incident
from app.looks import LOOKS, Caller
from app.own_data import NEEDS, without_refused
from app.purposes import purpose_of
from compute.checks import check_conditions
from compute.disclosure import canonical
from compute.questions import QUESTIONS, Question
from models.ask import Answer, Ask, Watermark
from models.errors import BadQuestion, HeadwayError, NotFound, NotSignedIn, unknown
from models.scope import Viewer

T = TypeVar("T")
_BY_NAME = {question.name: question for question in QUESTIONS}
MOST_NAMES = 20_000


@dataclass(frozen=True, slots=True)
class LocalDesk:
    """A viewer's desk inside core. With a session's `secret` every call looks the session up anew;
    without one whoever made the desk has just done so."""

    door: Door
    first_viewer: Viewer
    secret: str | None = None

    @property
    def viewer(self) -> Viewer:
        return self.first_viewer

    def watermark(self) -> Watermark:
        return self.door.watermark()

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        return self.door.telling.on_change(told)

    def on_line(self, told: Callable[[bool], None]) -> Callable[[], None]:
        return lambda: None  # the data is at hand

    async def ask(self, ask: Ask) -> Answer:
        began = time.perf_counter()
        outcome = "answered"
        try:
            return await _guarded("ask", self._ask(ask))
        except HeadwayError as error:
            outcome = error.code
            raise
        finally:
            name = ask.question if ask.question in _BY_NAME else "unknown"
            spent = self.door.metrics.questions.labels(name, outcome)
            spent.observe(time.perf_counter() - began)

    async def _ask(self, ask: Ask) -> Answer:
        caller = await self.door.light(self._caller)
        question = _question(ask.question, caller.viewer)
        check_conditions(ask)
        scope = caller.scope
        if question.name == "leaderboard":
            scope = await self.door.heavy(self.door.with_joined, scope)
        ask = canonical(ask, scope)
        answer = await self.door.answer(question, ask, scope)
        if question.name in NEEDS:
            answer = await self.door.light(
                without_refused, self.door, scope.organisation_id, question.name, answer
            )
        told = disclosure(question, ask, scope, answer)
        await self.door.noted(caller.viewer, f"read {question.name}", told, purpose_of(scope, ask.purpose))
        return answer

    async def names(self, learners: Sequence[int]) -> Mapping[int, str]:
        return await _guarded("names", self._names(learners))

    async def _names(self, learners: Sequence[int]) -> Mapping[int, str]:
        if len(learners) > MOST_NAMES:
            raise BadQuestion(f"At most {MOST_NAMES} names can be asked for at once.")
        caller = await self.door.light(self._caller)
        inside = await self.door.heavy(self.door.inside, caller.scope, learners)
        why = purpose_of(caller.scope)
        return await self.door.light(self.door.names_of, caller.viewer, caller.scope, inside, why)

    async def look(self, what: str, **fields: Any) -> Any:
        return await _guarded("look", self._look(what, fields))

    async def _look(self, what: str, fields: Mapping[str, Any]) -> Any:
        if what not in LOOKS:
            raise unknown("look", what, LOOKS)
        return await self._run(LOOKS[what].run, LOOKS[what].action, fields)

    async def do(self, deed: str, **fields: Any) -> Any:
        return await _guarded("do", self._do(deed, fields))

    async def _do(self, deed: str, fields: Mapping[str, Any]) -> Any:
        if deed not in DEEDS:
            raise unknown("deed", deed, DEEDS)
        result = await self._run(DEEDS[deed].run, DEEDS[deed].action, fields)
        if DEEDS[deed].writes_itself:
            return result
        viewer = self.viewer
        write = self.door.metadata.audit.write
        await self.door.light(
            lambda: write(viewer.person_id, f"do {deed}", organisation_id=viewer.organisation_id)
        )
        return result

    async def _run(self, work: Callable[..., Any], action: str, fields: Mapping[str, Any]) -> Any:
        caller = await self.door.light(self._caller)
        if action and not caller.viewer.may(action):
            raise NotFound
        _check_fields(work, caller, fields)
        if inspect.iscoroutinefunction(work):
            result = await work(caller, **fields)
        else:
            result = await self.door.light(lambda: work(caller, **fields))
        return msgspec.to_builtins(result)  # the same plain shapes here as over the socket

    def _caller(self) -> Caller:
        viewer = self.first_viewer
        if self.secret is not None:
            now = self.door.metadata.sessions.viewer(self.secret)
            if now is None:
                raise NotSignedIn("Your session has ended. Sign in again.")
            viewer = now
        return Caller(self.door, viewer, self.door.scope(viewer), self.secret)


def _question(name: str, viewer: Viewer) -> Question:
    question = _BY_NAME.get(name)
    if question is None:
        raise unknown("question", name, _BY_NAME)
    if not viewer.may(question.action):
        raise NotFound
    return question


def _check_fields(work: Callable[..., Any], caller: Caller, fields: Mapping[str, Any]) -> None:
    signature = inspect.signature(work)
    try:
        signature.bind(caller, **fields)
    except TypeError:
        named = ", ".join(list(signature.parameters)[1:]) or "none"
        raise BadQuestion(f"Wrong fields; these are known: {named}.") from None


async def _guarded(where: str, work: Awaitable[T]) -> T:
    """What is no HeadwayError becomes one, so that no edge has to know any other."""
    try:
        return await work
    except HeadwayError:
        raise
    except Exception as error:
        raise incident(error, where) from error
