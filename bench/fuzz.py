"""Hostile bodies for as long as asked: every answer must be a promised one, and memory stays bounded.

Each body is read and judged by the gate's own parts, so that a promise is held to its letter, and is sent
through the whole way in: headers, token, decoding, the writer, a warehouse. A 5xx, an exception, or another
answer than the parts gave ends the run.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import orjson
import zstandard

from bench.report import Report, peak_mib, report, show
from connectors.intake.codes import CODES
from connectors.intake.decode import Decoded, Form, decode
from connectors.intake.gatekeeper import Gatekeeper
from connectors.intake.letters import refused_letter
from connectors.intake.limits import Limits
from connectors.intake.payloads import payload_types
from connectors.intake.school import Memory, School
from connectors.intake.times import LocalTime, clock
from connectors.intake.unpack import unpack
from models.errors import HeadwayError
from models.event import EventType

_PROMISED = (400, 413, 415)
_SENT = (200, 429, *_PROMISED)  # over HTTP a sender may be told to wait, too
_TYPES = {"json": "application/json", "ndjson": "application/x-ndjson"}
_LIMITS = Limits(body_bytes=1 << 20)
_FORMS: tuple[Form, ...] = ("json", "ndjson")
_TOKENS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"\x00", b"\xff", b"\n", b"null",
    b"1e999", b"-0", b"99999999999999999999", b"true", b"NaN", b'"event_id"', b'"payload"', b"\xef\xbb\xbf",
)  # fmt: skip
_VALUES: tuple[object, ...] = (
    None, True, 0, -1, 2**31, 2**63, 10**40, 1e308, "", " ", "x" * 200, "\x00", "a@b.cd",
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-03-04T09:30:00+25:00",
    [], {}, [[]], {"": ""}, "\u202e",
)  # fmt: skip


class Hostile(NamedTuple):
    body: bytes
    encoding: str
    form: Form


class Fuzzer:
    """From an honest body: bytes turned, cut, repeated, nested, put in another encoding, or a bomb."""

    def __init__(self, taxonomy: dict[str, EventType], seed: int) -> None:
        self.dice = random.Random(seed)
        self._types = tuple(taxonomy)
        self._keeper = Gatekeeper(payload_types(taxonomy), limits=_LIMITS)
        made = Memory(lambda plain: hash(plain))
        self._school = School(1, LocalTime("Europe/Berlin"), made, made)
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._turned, self._cut, self._spliced, self._nested, self._long, self._noise, lambda body: body,
        )  # fmt: skip

    def body(self) -> bytes:
        events = [self._event() for _ in range(self.dice.randrange(4))]
        plain = json.dumps(events, ensure_ascii=self.dice.random() < 0.5).encode("utf-8", "surrogatepass")
        for _ in range(self.dice.randrange(4)):
            plain = self.dice.choice(self._ways)(plain)
        return plain

    def _event(self) -> dict[str, object]:
        dice = self.dice
        event: dict[str, object] = {
            "event_id": str(uuid.UUID(int=dice.getrandbits(128))),
            "event_type": dice.choice((*self._types, "hologram")),
            "timestamp": datetime.now(UTC).isoformat(),
            "student_id": "s1",
            "session_id": "x1",
            "context": {"course_id": "c1", "lesson_id": "l1", "video_id": "v1", "assessment_id": "a1"},
            "payload": {dice.choice(("duration_s", "score", "path", "x")): dice.choice(_VALUES)},
        }
        for name in dice.sample(list(event), dice.randrange(3)):
            event[name] = dice.choice(_VALUES)
        return event

    def _turned(self, body: bytes) -> bytes:
        changed = bytearray(body or b" ")
        for _ in range(self.dice.randrange(1, 6)):
            changed[self.dice.randrange(len(changed))] = self.dice.randrange(256)
        return bytes(changed)

    def _cut(self, body: bytes) -> bytes:
        return body[self.dice.randrange(len(body) + 1) :][: self.dice.randrange(len(body) + 1)]

    def _spliced(self, body: bytes) -> bytes:
        place = self.dice.randrange(len(body) + 1)
        return body[:place] + b"".join(self.dice.choices(_TOKENS, k=self.dice.randrange(1, 9))) + body[place:]

    def _nested(self, body: bytes) -> bytes:
        depth = self.dice.choice((10, 1000, 100_000))
        opening, closing = self.dice.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"payload":', b"}]")))
        return opening * depth + body + closing * (depth if self.dice.random() < 0.5 else 0)

    def _long(self, body: bytes) -> bytes:
        return body * self.dice.choice((2, 50, 3000) if len(body) < 2000 else (2,))

    def _noise(self, body: bytes) -> bytes:
        return self.dice.randbytes(self.dice.randrange(300))

    def packed(self, body: bytes) -> tuple[bytes, str]:
        match self.dice.randrange(6):
            case 0:
                return gzip.compress(body, 1), "gzip"
            case 1:
                return zstandard.compress(body), "zstd"
            case 2:
                return self._turned(gzip.compress(body, 1)), self.dice.choice(("gzip", "zstd", "br"))
            case 3 if self.dice.random() < 0.05:
                return gzip.compress(b"[" + b" " * (64 << 20), 9), "gzip"
        return body, ""

    def next(self) -> Hostile:
        return Hostile(*self.packed(self.body()), self.dice.choice(_FORMS))

    def try_one(self) -> str:
        return self.judge(self.next())

    def judge(self, hostile: Hostile) -> str:
        """What came of it; anything but a promised answer is raised."""
        try:
            body = unpack(hostile.body, hostile.encoding, _LIMITS.body_bytes)
            decoded = decode(body, hostile.form, _LIMITS)
        except HeadwayError as error:
            if error.status not in _PROMISED:
                raise
            return str(error.status)
        return self._judged(decoded)

    def _judged(self, decoded: Decoded) -> str:
        received = np.full(len(decoded.events), clock(), np.int64)
        checked = self._keeper.check(self._school, decoded.events, received, "http")
        codes = [refused.rejected.code for refused in decoded.refused]
        for refused in decoded.refused:
            refused_letter(self._school, "http", refused.rejected.code, refused.rejected.detail, refused.raw)
        for place, (code, detail) in checked.wrong.items():
            refused_letter(self._school, "http", code, detail, decoded.events[place])
            codes.append(code)
        orjson.dumps([refused.rejected.detail for refused in decoded.refused])
        if not set(codes) <= CODES.keys():
            raise AssertionError(f"undocumented codes: {set(codes) - CODES.keys()}")
        checked.table.validate(full=True)
        return "200"


class Edge:
    """The API of a small school of its own, with a writer that stores: only the network is left out."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, hostile: Hostile) -> str:
        headers = {"content-type": _TYPES[hostile.form]}
        if hostile.encoding:
            headers["content-encoding"] = hostile.encoding
        answer = await self._client.post("/api/v1/events", content=hostile.body, headers=headers)
        if answer.status_code not in _SENT:
            raise AssertionError(f"answered with {answer.status_code}: {answer.text[:200]}")
        return str(answer.status_code)


@asynccontextmanager
async def edge() -> AsyncIterator[Edge]:
    from app.build import build
    from app.core import Core
    from app.door import Door
    from compute.rollups import DELTAS
    from config.settings import read_settings
    from connectors.metadata import Consent, NewPerson, metadata_of
    from connectors.warehouse import open_warehouse

    with tempfile.TemporaryDirectory(prefix="hw") as folder:
        data = Path(folder)
        limit = _LIMITS.body_bytes >> 20
        settings = read_settings(
            {}, demo=True, data=data, socket=data / "core.sock", port=0, api_port=0, body_limit_mib=limit
        )
        metadata, warehouse = metadata_of(settings), open_warehouse(settings.warehouse, DELTAS, threads=2)
        metadata.migrate()
        warehouse.migrate()
        school = metadata.organisations.add("Fuzz School", "Europe/Berlin", "en")
        metadata.people.add_many(school, [NewPerson("machine", "A Machine", None, "machine")])
        learner = metadata.organisations.pseudonyms(school).learner("s1")
        long_ago = datetime.now(UTC) - timedelta(days=365)
        metadata.consents.grant_many(school, [Consent(learner, "legitimate-interest", long_ago)])
        token = metadata.tokens.create("machine", ["send-events"])
        core = Core(settings)
        core.take(Door(warehouse, metadata, settings, core.metrics))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(build(core)),
            base_url=f"http://127.0.0.1:{settings.api_port}",
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
        )
        async with client:
            yield Edge(client)
        await core.close()


def measured(minutes: float, seed: int) -> Report:
    return asyncio.run(_measured(minutes, seed))


async def _measured(minutes: float, seed: int) -> Report:
    from config.taxonomy import taxonomy

    fuzzer, judged, sent = Fuzzer(dict(taxonomy()), seed), Counter[str](), Counter[str]()
    async with edge() as way_in:
        await way_in.send(fuzzer.next())  # the first batch of a process pays for imports
        until, slowest = time.monotonic() + minutes * 60, 0.0
        while time.monotonic() < until:
            hostile = fuzzer.next()
            expected = fuzzer.judge(hostile)
            began = time.perf_counter()
            answer = await way_in.send(hostile)
            slowest = max(slowest, time.perf_counter() - began)
            if answer not in (expected, "429"):
                raise AssertionError(f"answered with {answer} where the parts say {expected}")
            judged[expected] += 1
            sent[answer] += 1
    figures = {"bodies": judged.total(), **{f"answers_{code}": judged[code] for code in sorted(judged)}}
    figures |= {f"sent_{code}": sent[code] for code in sorted(sent)}
    return report(
        "fuzz", figures | {"slowest_ms": slowest * 1000, "peak_mib": peak_mib()}, notes=[f"seed {seed}"]
    )


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long (10)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="another number, other bodies")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    print(show(measured(given.minutes, given.seed), given.json))
    return 0
