"""`./headway import`: what goes in, what is refused, and that an interruption loses and doubles nothing."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.__main__ import main
from app.build import build
from app.commands import import_report, importing
from app.commands.way_in import OverHttp, WayIn
from app.core import Core
from compute.rollups import DELTAS
from config.settings import Settings, read_settings
from connectors.metadata import Consent, open_metadata
from connectors.sources.files.parts import Part, Reading
from connectors.sources.files.rows import Row
from connectors.warehouse import Warehouse, open_warehouse
from connectors.warehouse.deadletters import DeadLetters, LetterFilter
from models.errors import TooMany
from models.tables import EVENTS, LEARNER_COURSE_DAY
from tests.app.conftest import Hill
from tests.builders import event, events
from tests.connectors.intake_school import NOON, sent
from tests.hill import CHEAP, SECRET, found

ROOT = Path(__file__).parents[2]
SINCE = datetime(2025, 9, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No HEADWAY_* of the one who runs the tests, and no school of theirs."""
    for name in ("HEADWAY_SECRET", "HEADWAY_SECRET_FILE", "HEADWAY_DEMO", "HEADWAY_DATA", "CALLED_FROM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    """A school in files, with nobody running on it."""
    settings = read_settings({}, demo=True, data=tmp_path / "school")
    with open_metadata(
        settings.metadata, settings.secret, audit_head=settings.audit_head, hasher=CHEAP
    ) as metadata:
        metadata.migrate()
        school = found(metadata)
        consents = [Consent(school.learners[s], "legitimate-interest", SINCE) for s in ("S1", "S2")]
        metadata.consents.grant_many(school.id, consents)
    return settings


@contextmanager
def stored_in(settings: Settings) -> Iterator[Warehouse]:
    warehouse = open_warehouse(settings.warehouse, DELTAS)
    warehouse.migrate()
    try:
        yield warehouse
    finally:
        warehouse.close()


def ids(warehouse: Warehouse) -> list[str]:
    events = EVENTS.unbound
    found: list[str] = warehouse.fetch(events.select("event_id").order_by("event_id"))["event_id"].to_pylist()
    return [str(one) for one in found]


def written(path: Path, count: int) -> list[str]:
    rows = [
        sent(
            "lesson_complete",
            NOON + timedelta(seconds=n),
            student_id=f"S{n % 2 + 1}",
            payload={"duration_s": n % 60},
        )
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return sorted(str(row["event_id"]) for row in rows)


def run(settings: Settings, *words: object) -> int:
    return main(["import", *map(str, words), "--data", str(settings.data)])


def test_what_is_refused_is_reported_by_code_and_line_and_not_by_content(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "event_id,event_type,timestamp,student_id,session_id\n"
        f"{uuid.uuid4()},session_start,2026-03-04T09:00:00Z,S1,x\n"
        f"{uuid.uuid4()},session_start,2026-03-04 09:00,S1,Erika Mustermann\n"
        f"{uuid.uuid4()},session_start,2026-03-04T09:00:00Z,S-Unknown,x\n"
        f"{uuid.uuid4()},hologram_viewed,2026-03-04T09:00:00Z,S2,x\n"
        "session_start\n"
    )
    assert run(place, path, "--report", tmp_path / "report.json") == importing.SOME_REFUSED
    said = capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())["files"][0]
    counts = ("rows", "accepted", "duplicates", "quarantined", "refused")
    assert [report[name] for name in counts] == [5, 1, 0, 1, 3]
    reasons = {reason["code"]: reason["lines"] for reason in report["reasons"]}
    assert reasons == {"bad-timestamp": [3], "no-lawful-basis": [4], "bad-row": [6]}
    assert "Erika" not in said and "Unknown" not in said
    assert "bad-timestamp" in said and "line 3" in said
    with stored_in(place) as warehouse:
        letters = DeadLetters(warehouse).newest(LetterFilter(1))
        assert {letter["code"] for letter in letters} == {"bad-timestamp", "no-lawful-basis", "unknown-type"}
        assert {letter["source"] for letter in letters} == {"file"}


def test_a_file_is_taken_in_once_and_again_only_when_asked(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.ndjson"
    wanted = written(path, 30)
    assert run(place, path) == 0
    assert "30 accepted" in capsys.readouterr().out
    path.rename(tmp_path / "b.ndjson")
    assert run(place, tmp_path / "b.ndjson") == 0
    assert "taken in before" in capsys.readouterr().out
    assert run(place, tmp_path / "b.ndjson", "--again") == 0
    assert "0 accepted, 30 known already" in capsys.readouterr().out
    with stored_in(place) as warehouse:
        assert ids(warehouse) == wanted


def test_what_was_stored_is_checked_against_its_contract(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.ndjson"
    written(path, 3)
    assert run(place, path) == 0
    soon = datetime.now(UTC) + timedelta(hours=1)  # as if the gate had let it in during the next import
    with stored_in(place) as warehouse:
        warehouse.append(events([event(received_at=soon, device_type="fridge")]))
    written(path, 4)
    assert run(place, path) == importing.BROKEN
    assert "device_type" in capsys.readouterr().err


def test_it_is_checked_beside_a_running_core_too(
    beside: Hill, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse, organisation_id = beside.door.warehouse, beside.school.id
    soon = datetime.now(UTC) + timedelta(hours=1)
    elsewhere = event(received_at=soon, device_type="fridge", organisation_id=organisation_id + 1)
    warehouse.append(events([elsewhere]))
    written(tmp_path / "a.ndjson", 3)
    assert run(beside.settings, tmp_path / "a.ndjson") == 0, "what another school holds is not told"
    warehouse.append(events([event(received_at=soon, device_type="fridge", organisation_id=organisation_id)]))
    written(tmp_path / "b.ndjson", 3)
    assert run(beside.settings, tmp_path / "b.ndjson") == importing.BROKEN
    assert "device_type" in capsys.readouterr().err


def test_rows_without_ids_are_known_again(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "event_type,timestamp,student_id,session_id\n" + "session_start,2026-03-04T09:00:00Z,S1,x\n" * 7
    )
    assert run(place, path) == 0
    assert "7 rows had no event_id" in capsys.readouterr().out
    assert run(place, path, "--again") == 0
    assert "7 known already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["none.csv"], 4, "There is no file"),
        (["a.dat"], 2, "--format"),
        (["a.csv", "--map", "none.toml"], 4, "There is no map"),
        (["a.csv", "--organisation", "9"], 4, "Organisation 9 has no administrator"),
        (["a.csv", "--as", "nobody"], 4, "nobody with this login"),
        (["a.csv", "--url", "http://127.0.0.1:9", "--token", "t"], 6, "Nothing answers"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(
    place: Settings,
    words: list[str],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for name in ("a.dat", "a.csv"):
        (tmp_path / name).write_text("event_id\n")
    words = [str(tmp_path / word) if "." in word and "/" not in word else word for word in words]
    assert run(place, *words) == code
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_the_organisation_may_be_said_by_number(place: Settings, tmp_path: Path) -> None:
    written(tmp_path / "a.ndjson", 3)
    assert run(place, tmp_path / "a.ndjson", "--organisation", 1) == 0


class Loopback(httpx.BaseTransport):
    """To the API without a port between."""

    def __init__(self, core: Core) -> None:
        self._transport = httpx.ASGITransport(build(core))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1:0") as client:
            answered = await client.request(
                request.method, request.url, headers=request.headers, content=request.read()
            )
        return httpx.Response(answered.status_code, headers=answered.headers, content=answered.content)


@pytest.fixture
def beside(core: Core, hill: Hill, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hill]:
    """A core is running: the command goes through its API."""
    consents = [Consent(hill.school.learners[s], "legitimate-interest", SINCE) for s in ("S1", "S2")]
    hill.metadata.consents.grant_many(hill.school.id, consents)
    token = hill.metadata.tokens.create("administrator", ["send-events"])

    @contextmanager
    def over_http(*_: object, **__: object) -> Iterator[WayIn]:
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(transport=Loopback(core), base_url="http://127.0.0.1:0", headers=headers) as client:
            yield OverHttp(client)

    monkeypatch.setattr("app.commands.way_in.way_in", over_http)
    monkeypatch.setenv("HEADWAY_SECRET", SECRET.decode())
    yield hill
    core.writer.close()


def test_beside_a_running_core_the_position_is_kept_with_the_rows(
    beside: Hill, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sources.files.parts.MOST_ROWS", 10)
    path = tmp_path / "a.ndjson"
    wanted = written(path, 30)
    before = set(ids(beside.door.warehouse))
    asked: list[str] = []
    send, add = OverHttp.send, Reading._add

    def put_off_once(self: OverHttp, ndjson: bytes, *, file: str = "", position: str = "") -> dict[str, Any]:
        asked.append(position)
        if len(asked) == 2:
            raise TooMany("not now", 0)
        return send(self, ndjson, file=file, position=position)

    def broken_off(self: Reading, part: Part, row: Row) -> None:
        if row.line == 25:
            raise KeyboardInterrupt
        add(self, part, row)

    monkeypatch.setattr(OverHttp, "send", put_off_once)
    monkeypatch.setattr(Reading, "_add", broken_off)
    assert run(beside.settings, path) == importing.INTERRUPTED
    assert len(asked) == 3 and asked[1] == asked[2], "what was put off is sent again"
    said = capsys.readouterr().out
    assert "20 accepted" in said and "Interrupted" in said
    monkeypatch.setattr(Reading, "_add", add)
    assert run(beside.settings, path) == 0
    assert "10 rows after the 20 of before: 10 accepted" in capsys.readouterr().out
    assert sorted(set(ids(beside.door.warehouse)) - before) == wanted
    assert len(ids(beside.door.warehouse)) == len(before) + len(wanted)
    assert run(beside.settings, path) == 0
    assert "taken in before" in capsys.readouterr().out


def test_an_empty_file_is_done_too(beside: Hill, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.ndjson").write_text("\n")
    assert run(beside.settings, tmp_path / "a.ndjson") == 0
    assert "0 rows" in capsys.readouterr().out


def test_the_report_keeps_a_bounded_number_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_report, "_LINES_KEPT", 3)
    report = import_report.FileReport("a", "line")
    for line in range(10):
        report._refuse("bad-row", line)
    assert [(r["count"], r["lines"]) for r in report.reasons()] == [(10, [0, 1, 2])]


def test_killed_at_random_moments_every_row_is_there_once(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 while parts of 100 rows are stored, then on to the end: ids and roll-ups are whole."""
    path = tmp_path / "a.ndjson"
    wanted = written(path, 8_000)
    command = [sys.executable, "-m", "tests.app.import_lives", "6", str(path), "--data", str(place.data)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    assert run(place, path) == 0
    assert "of before" in capsys.readouterr().out, "it goes on from a place in the middle"
    with stored_in(place) as warehouse:
        assert ids(warehouse) == wanted
        seconds = [sum(n % 60 for n in range(first, 8_000, 2)) for first in (0, 1)]
        assert sums(warehouse) == [(4_000, s) for s in seconds]
        warehouse.rebuild()
        assert sums(warehouse) == [(4_000, s) for s in seconds]


def sums(warehouse: Warehouse) -> list[tuple[int, float]]:
    days = LEARNER_COURSE_DAY.unbound
    by = days.group_by("learner_id").agg(lessons=days.lessons_completed.sum(), s=days.learning_s.sum())
    return sorted((row["lessons"], row["s"]) for row in warehouse.fetch(by).to_pylist())
