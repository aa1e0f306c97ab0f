"""What could not be accepted, made fit to be kept: pseudonyms instead of ids, texts cleaned."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, TypeGuard

import msgspec

from connectors.intake.codes import CODES
from connectors.intake.envelope import Context, Device, Replayed, Sent
from connectors.intake.limits import LIMITS
from connectors.intake.payloads import Clean, cleaned
from connectors.intake.school import School

_ENCODE = msgspec.json.Encoder(order="deterministic")
_ANYTHING = msgspec.json.Decoder()
_OUTSIDE = tuple(
    (name, frozenset(part.__struct_fields__)) for name, part in (("context", Context), ("device", Device))
)
_NAMES = ("event_id", "event_type", "student_id", "session_id", "learner_id", "session")
_MOST_CLEANED = 4 * LIMITS.letter_bytes  # cleaning shortens a text, but not to a quarter
Letter = dict[str, object]
Why = tuple[str, str]  # code, detail
QUARANTINED = "unknown-type"


def refused_letter(
    school: School,
    source: str,
    code: str,
    detail: str,
    item: bytes | Sent | Replayed,
    as_sent: Collection[str] = (),
) -> Letter:
    """A refusal for want of a lawful basis keeps nothing of the learner's. `as_sent`: see `_pseudonymous`."""
    letter = _letter(school, "refused", source, code, detail)
    return letter | _contents(school, item, as_sent) if CODES[code].kept else letter


def quarantined_letter(school: School, source: str, event: Sent | Replayed) -> Letter | Why:
    """Whole, for that is what its sender is told; or why it cannot be kept."""
    detail = "The type is not in the taxonomy; replay it once it is."
    try:
        contents = _read(_pseudonymous(school, plain(event)), LIMITS.quarantined_bytes)
    except RecursionError:
        return "too-deep", "The payload is nested too deeply."
    except ValueError:
        return "bad-text", "A text in the payload is not valid Unicode."
    if contents["body"] is None:
        return "too-large", "The type is not in the taxonomy, and the event is too large to wait until it is."
    return _letter(school, "quarantined", source, QUARANTINED, detail) | contents


def _letter(school: School, kind: str, source: str, code: str, detail: str) -> Letter:
    return {
        "organisation_id": school.organisation_id,
        "letter_id": str(uuid.uuid4()),
        "kept_at": datetime.now(UTC),
        "kind": kind,
        "status": "waiting",
        "source": source,
        "code": code,
        "detail": detail,
    }


def _contents(school: School, item: bytes | Sent | Replayed, as_sent: Collection[str]) -> Letter:
    try:
        given = _ANYTHING.decode(item) if isinstance(item, bytes) else plain(item)
        size = len(item if isinstance(item, bytes) else item.payload)
        if isinstance(given, dict) and size > _MOST_CLEANED:
            named = {name: given[name] for name in _NAMES if name in given}
            return _read(_pseudonymous(school, named), 0)  # too large to be kept: nothing else is cleaned
        body = _pseudonymous(school, given, as_sent) if isinstance(given, dict) else {}
        return _read(body, LIMITS.letter_bytes)
    except (ValueError, RecursionError):
        return {}


def _read(body: dict[str, Any], most: int) -> Letter:
    text = _ENCODE.encode(body)
    return {
        "event_type": _text(body.get("event_type")),
        "event_id": _uuid(body.get("event_id")),
        "learner_id": body.get("learner_id"),
        "body": text.decode() if body and len(text) <= most else None,
    }


def plain(event: Sent | Replayed) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.structs.asdict(event)
    for part in ("context", "device"):
        built[part] = {k: v for k, v in msgspec.to_builtins(built[part] or {}).items() if v is not None}
    return built | {"payload": _ANYTHING.decode(event.payload)}


def _pseudonymous(school: School, given: dict[str, Any], as_sent: Collection[str] = ()) -> dict[str, Any]:
    """`as_sent` are the fields of the payload that the gate takes without looking for personal data. They,
    the context and the device stay as they are: a replay must not make another lesson of them."""
    clean = school.finder.clean
    body = {clean(key): value for key, value in given.items() if value not in (None, {})}
    student, session = body.pop("student_id", None), body.pop("session_id", None)
    # An id or a time is no free text: cleaning would take its digits for a telephone number.
    kept = {k: body.pop(k) for k in ("learner_id", "session", "sequence") if isinstance(body.get(k), int)}
    if _uuid(body.get("event_id")):
        kept["event_id"] = body.pop("event_id")
    if _is_time(body.get("timestamp")):
        kept["timestamp"] = body.pop("timestamp")
    # What is no id stays away: were it given a pseudonym, a replay would take it for one.
    if _is_id(student):
        kept["learner_id"] = school.learners[student]
    if _is_id(session):
        kept["session"] = school.sessions[session]
    for part, names in (*_OUTSIDE, ("payload", as_sent)):
        if isinstance(body.get(part), dict):
            kept[part] = _partly_cleaned(body.pop(part), names, clean)
    rest: dict[str, Any] = cleaned(body, clean)
    return rest | kept


def _partly_cleaned(given: dict[str, Any], as_sent: Collection[str], clean: Clean) -> dict[str, Any]:
    stay = {key: value for key, value in given.items() if key in as_sent and _is_id(value)}
    rest: dict[str, Any] = cleaned({k: v for k, v in given.items() if k not in stay}, clean)
    return rest | stay


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= LIMITS.text


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _uuid(value: object) -> str | None:
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value[: LIMITS.text] if isinstance(value, str) else None
