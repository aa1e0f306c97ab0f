"""Dead letters sent again, through the same gate, after what was wrong has been put right."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass

import msgspec

from connectors.intake.decode import explain, holds_nul
from connectors.intake.envelope import Replayed
from connectors.intake.submission import Outcome, Submission
from connectors.intake.times import clock
from connectors.intake.writer import Writer
from connectors.warehouse.deadletters import DeadLetters, Letter, LetterFilter
from models.errors import HeadwayError, TooMany, Unavailable

_READ = msgspec.json.Decoder(Replayed)
_LONGEST_S = 120.0


@dataclass(slots=True)
class Replay:
    """`replayed` are events now, `repeated` were already, `waiting` are still wrong."""

    replayed: int = 0
    repeated: int = 0
    waiting: int = 0

    def answer(self) -> dict[str, int]:
        return asdict(self)


def replay(writer: Writer, letters: DeadLetters, which: LetterFilter) -> Replay:
    done = Replay()
    tried = [letter for letter in letters.newest(which) if _may_be_tried(letter)]
    # All are handed over before the first answer is waited for: the writer stores them together.
    sent: list[tuple[Letter, Answer | None]] = []
    for letter in tried:
        try:
            sent.append((letter, _send(writer, letter)))
        except TooMany:
            if not sent:
                raise
            break  # the queue is full: the rest goes on waiting
    done.waiting += len(tried) - len(sent)
    for letter, answer in sent:
        if answer is not None:
            _note(letter, answer.get())
        match letter["status"]:
            case "replayed":
                done.replayed += 1
            case "repeated":
                done.repeated += 1
            case _:
                done.waiting += 1
    letters.write([letter for letter, _ in sent])
    return done


def _may_be_tried(letter: Letter) -> bool:
    return letter["status"] == "waiting" and letter["body"] is not None


class Answer:
    def __init__(self) -> None:
        self._come = threading.Event()
        self._outcome: Outcome | HeadwayError = Unavailable("The writer does not answer; try again later.")

    def told(self, outcome: Outcome | HeadwayError) -> None:
        self._outcome = outcome
        self._come.set()

    def get(self) -> Outcome:
        self._come.wait(_LONGEST_S)
        if isinstance(self._outcome, HeadwayError):
            raise self._outcome
        return self._outcome


def _send(writer: Writer, letter: Letter) -> Answer | None:
    body, organisation_id = str(letter["body"]), letter["organisation_id"]
    assert isinstance(organisation_id, int)
    try:
        event = _READ.decode(body)
    except msgspec.ValidationError as error:
        letter["code"], letter["detail"] = explain(error)
        return None
    if holds_nul(body.encode()):
        return None
    answer = Answer()
    writer.put(
        Submission(
            organisation_id,
            str(letter["source"]),
            [event],
            len(body),
            clock(),
            answer.told,
            keep_letters=False,
        )
    )
    return answer


def _note(letter: Letter, outcome: Outcome) -> None:
    """What went in needs no copy any more."""
    if outcome.accepted or outcome.duplicates:
        letter["status"] = "replayed" if outcome.accepted else "repeated"
        letter["body"] = None
    for why in outcome.rejected:
        letter["kind"], letter["code"], letter["detail"] = "refused", why.code, why.detail
