"""What can go wrong, said so that the one who reads it knows what to do.

The edge (REST, page, terminal) turns each kind into its own form: problem+json, a sentence on
the page, one line and an exit code. None of them ever carries personal data.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HeadwayError(Exception):
    """One sentence for a person. `code` is stable and documented; `status` is the HTTP answer."""

    code = "error"
    status = 500
    exit_code = 1

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadQuestion(HeadwayError):
    code, status, exit_code = "bad-question", 400, 2


class NotAcceptable(HeadwayError):
    """No form that was asked for is one that Headway answers in."""

    code, status, exit_code = "not-acceptable", 406, 2


class NotSignedIn(HeadwayError):
    code, status, exit_code = "not-signed-in", 401, 3


class NotAllowed(HeadwayError):
    """Only where it says nothing of what exists: a valid token that may not send events."""

    code, status, exit_code = "not-allowed", 403, 4


class NotFound(HeadwayError):
    """Denied and not existing look the same, so that nobody can probe for what exists."""

    code, status, exit_code = "not-found", 404, 4

    def __init__(self, detail: str = "There is nothing here that you may see.") -> None:
        super().__init__(detail)


class TooLarge(HeadwayError):
    code, status, exit_code = "too-large", 413, 2


class TooMany(HeadwayError):
    code, status, exit_code = "too-many", 429, 5

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(HeadwayError):
    """Something outside the process is away: the database, the broker, the disk."""

    code, status, exit_code = "unavailable", 503, 6


class Closed(Unavailable):
    """The warehouse closed itself after a failed write; only a new process opens it again."""


class BadSettings(HeadwayError):
    code, status, exit_code = "bad-settings", 500, 7


class AlreadyThere(HeadwayError):
    """Something would be overwritten that nobody said may go."""

    code, status, exit_code = "already-there", 409, 9


class NewerSchema(HeadwayError):
    code, status, exit_code = "newer-schema", 500, 8


def unknown(kind: str, name: str, known: Iterable[str]) -> BadQuestion:
    """`unknown measure 'activ_learners'; did you mean 'active_learners'?`"""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return BadQuestion(f"unknown {kind} '{name[:80]}'{hint}")
