"""The outside of an event, as it is sent. The payload stays raw until its type is known."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Context(msgspec.Struct, frozen=True, gc=False):
    course_id: Id | None = None
    lesson_id: Id | None = None
    video_id: Id | None = None
    assessment_id: Id | None = None


class Device(msgspec.Struct, frozen=True, gc=False):
    type: Literal["desktop", "mobile", "tablet"] | None = None
    os: Id | None = None
    browser: Id | None = None


Pseudonym = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
NO_CONTEXT = Context()
NO_DEVICE = Device()
NO_PAYLOAD = msgspec.Raw(b"{}")


class Sent(msgspec.Struct, gc=False):
    event_id: str
    event_type: Id
    timestamp: str
    student_id: Id
    session_id: Id
    context: Context | None = NO_CONTEXT
    device: Device | None = NO_DEVICE
    payload: msgspec.Raw = NO_PAYLOAD
    sequence: Sequence | None = None


class Replayed(msgspec.Struct, gc=False):
    """An event that waited in quarantine: its pseudonyms stand already."""

    event_id: str
    event_type: Id
    timestamp: str
    learner_id: Pseudonym
    session: Pseudonym
    context: Context | None = NO_CONTEXT
    device: Device | None = NO_DEVICE
    payload: msgspec.Raw = NO_PAYLOAD
    sequence: Sequence | None = None
