"""Files become events: formats, maps, and reading on from any place."""

from __future__ import annotations

import csv
import gzip
import io
import json
import uuid
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.taxonomy import taxonomy
from connectors.sources import files
from connectors.sources.files import parts
from connectors.sources.files.mapping import FieldMap, read_map
from connectors.sources.files.opening import LONGEST_LINE, UnreadableFile, fingerprint, format_of
from connectors.sources.files.parts import Part, reading
from connectors.sources.files.rows import Place, read_place, written_place
from connectors.sources.files.values import kinds_of
from models.errors import BadQuestion, NotFound
from tests.connectors.intake_school import sent

KINDS = kinds_of(taxonomy())
HEADER = ["event_id", "event_type", "timestamp", "student_id", "session_id", "course_id", "payload.score"]


def read(path: Path, map_file: Path | None = None, start: Place | None = None) -> list[Part]:
    opened = reading(path, format_of(path), read_map(map_file, KINDS))
    return list(opened.parts(start or Place()))


def events(path: Path, map_file: Path | None = None, start: Place | None = None) -> list[dict[str, object]]:
    return [json.loads(event) for part in read(path, map_file, start) for event in part.events]


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_a_csv_row_becomes_an_event_by_its_columns_names(tmp_path: Path) -> None:
    text = (
        f"{','.join(HEADER)},note\ne1,quiz_submit,2026-03-04T09:00:00Z,s1,x1,c1,87.5,\n,quiz_submit,,,,,,\n"
    )
    first, second = events(written(tmp_path / "a.csv", text))
    assert first == {
        "event_id": "e1",
        "event_type": "quiz_submit",
        "timestamp": "2026-03-04T09:00:00Z",
        "student_id": "s1",
        "session_id": "x1",
        "context": {"course_id": "c1"},
        "payload": {"score": 87.5},
    }
    assert uuid.UUID(str(second.pop("event_id"))).version == 5
    assert second == {"event_type": "quiz_submit", "payload": {}}, "what is empty is not there"


def test_a_map_names_columns_constants_values_times_and_ids(tmp_path: Path) -> None:
    head = "Wann;Uhr;Wer;Was;Punkte;Nr"
    table = f"{head}\n04.03.2026;09:30;Schüler 1;Quiz;87,5;17\n04.07.2026;09:30;2;anderes;x;18\n"
    path = tmp_path / "noten.csv"
    path.write_bytes(table.encode("latin-1"))
    map_file = written(
        tmp_path / "map.toml",
        """
        id_from = ["Nr"]
        [columns]
        timestamp = ["Wann", "Uhr"]
        student_id = "Wer"
        session_id = ["Wer", "Wann"]
        event_type = "Was"
        "payload.score" = "Punkte"
        [constants]
        "context.assessment_id" = "a1"
        [values.event_type]
        Quiz = "quiz_submit"
        [time]
        format = "%d.%m.%Y %H:%M"
        zone = "Europe/Berlin"
        [file]
        encoding = "latin-1"
        decimal = ","
        """,
    )
    first, second = events(path, map_file)
    winter, summer = (
        datetime(2026, month, 4, 9, 30, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(ZoneInfo("UTC"))
        for month in (3, 7)
    )
    assert first.pop("timestamp") == winter.isoformat()
    assert second.pop("timestamp") == summer.isoformat()
    ids = [first.pop("event_id"), second.pop("event_id")]
    assert ids == [event["event_id"] for event in events(path, map_file)] and len(set(ids)) == 2
    assert first == {
        "event_type": "quiz_submit",
        "student_id": "Schüler 1",
        "session_id": "Schüler 1 04.03.2026",
        "context": {"assessment_id": "a1"},
        "payload": {"score": 87.5},
    }
    assert (second["event_type"], second["payload"]) == ("anderes", {"score": "x"})


@pytest.mark.parametrize(
    ("map_text", "says"),
    [
        ('[columns]\nstudent = "a"', "unknown field in the map 'student'; did you mean 'student_id'?"),
        ('[columns]\nstudent_id = "Lerner"', "unknown column in the map 'Lerner'; did you mean 'Learner'?"),
        ('[time]\nzone = "Europe/Atlantis"', "unknown zone 'Europe/Atlantis'"),
        ('[colums]\nstudent_id = "a"', "colums"),
        ("columns = ", "map.toml"),
    ],
)
def test_a_wrong_map_is_said_with_the_nearest_right_one(tmp_path: Path, map_text: str, says: str) -> None:
    path = written(tmp_path / "a.csv", "Learner,x\n1,2\n")
    with pytest.raises(BadQuestion) as refused:
        read(path, written(tmp_path / "map.toml", map_text))
    assert says in refused.value.detail


def test_times_in_seconds_and_milliseconds(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 4, 9, 30, tzinfo=ZoneInfo("UTC"))
    for form, factor in (("unix", 1), ("unix-ms", 1000)):
        path = written(tmp_path / f"{form}.csv", f"timestamp\n{int(moment.timestamp() * factor)}\nsoon\n")
        map_file = written(tmp_path / "map.toml", f'[time]\nformat = "{form}"')
        assert [e["timestamp"] for e in events(path, map_file)] == [moment.isoformat(), "soon"]


def test_ndjson_goes_through_as_it_is_and_lines_without_an_id_get_the_same_one_again(tmp_path: Path) -> None:
    whole, bare = sent(), sent(payload={"event_id": "no"})
    del bare["event_id"]
    path = written(tmp_path / "a.ndjson", f"{json.dumps(whole)}\n\n  \n{json.dumps(bare)}\nno json\n")
    first, second = (json.loads(event) for event in read(path)[0].events[:2])
    assert first == whole
    assert second.pop("event_id") == str(uuid.uuid5(uuid.UUID(fingerprint(path)[:32]), "2"))
    assert second == bare
    assert read(path)[0].events[2] == b"no json", "the gate says what is wrong with it"
    assert read(path)[0].lines == [1, 4, 5]


def test_nested_ndjson_is_mapped_by_paths(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", '{"actor": {"id": 7}, "at": "2026-03-04T09:00:00Z"}\n[1]\n')
    map_file = written(tmp_path / "map.toml", '[columns]\nstudent_id = "actor.id"\ntimestamp = "at"')
    part = read(path, map_file)[0]
    assert json.loads(part.events[0])["student_id"] == "7"
    assert part.faults == [(2, "bad-row")]


def test_parquet_has_types_of_its_own(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 4, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    id_ = uuid.uuid4()
    table = pa.table(
        {
            "event_id": pa.array([id_.bytes, None], pa.binary(16)),
            "event_type": ["quiz_answer", "quiz_answer"],
            "timestamp": pa.array([moment, moment], pa.timestamp("us", "Europe/Berlin")),
            "student_id": pa.array([7, 8]),
            "session_id": pa.array([1.0, None]),
            "context": [{"assessment_id": "a1", "course_id": None}, None],
            "payload": ['{"item_id": "i1", "correct": true}', None],
            "sequence": pa.array([3.0, None]),
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    first, second = events(path)
    assert first == {
        "event_id": str(id_),
        "event_type": "quiz_answer",
        "timestamp": "2026-03-04T08:30:00+00:00",
        "student_id": "7",
        "session_id": "1",
        "context": {"assessment_id": "a1"},
        "payload": {"item_id": "i1", "correct": True},
        "sequence": 3,
    }
    assert second["student_id"] == "8" and "session_id" not in second


def test_rows_that_cannot_be_read_are_named_by_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [
        b"event_type,student_id",
        b"page_view,s1",
        b"page_view,s2,s3",
        b"page_view,\xff",
        b'page_view,"two\nlines"',
        b"page_view," + b"s" * LONGEST_LINE,
        b"page_view,s4",
    ]
    path.write_bytes(b"\r\n".join(lines))
    part = read(path)[0]
    assert part.faults == [(3, "bad-row"), (4, "bad-text"), (7, "too-long")]
    assert part.lines == [2, 5, 8]
    assert [json.loads(e)["student_id"] for e in part.events] == ["s1", "two\nlines", "s4"]


def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read(tmp_path / "none.csv")
    with pytest.raises(BadQuestion, match="is a folder"):
        reading(tmp_path, "csv", FieldMap(KINDS))
    with pytest.raises(BadQuestion, match="--format"):
        format_of(tmp_path / "a.dat")
    with pytest.raises(BadQuestion, match="JSON array"):
        read(written(tmp_path / "a.ndjson", "[{}]"))
    for name, content in (
        ("a.csv", b""),
        ("a.parquet", b"PAR1"),
        ("a.csv.gz", gzip.compress(b"a\n" * 99)[:20]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableFile):
            read(tmp_path / name)


def test_the_same_content_is_the_same_import_and_another_map_is_another(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, "student_id\ns1\n") for name in ("a.csv", "b.csv"))
    map_file = written(tmp_path / "map.toml", '[time]\nzone = "Europe/Berlin"')
    plain, renamed, mapped = (
        reading(path, "csv", read_map(by, KINDS)).key
        for path, by in ((one, None), (two, None), (one, map_file))
    )
    assert plain == renamed != mapped
    assert plain != reading(one, "ndjson", FieldMap(KINDS)).key


def test_files_of_sources_are_read_by_the_usual_decoder() -> None:
    event = sent()
    assert files.read(json.dumps(event).encode()).events[0].event_id == event["event_id"]
    assert files.read(b"").events == []


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".ndjson", ".ndjson.zst", ".parquet"])
@given(names=st.lists(_TEXTS, max_size=12), size=st.integers(1, 4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_read_on_from_any_place_the_rows_are_the_same_once_each(
    names: list[str], size: int, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_ROWS", size)
    path = tmp_path / f"a{ending}"
    path.write_bytes(_file(ending, names))
    whole = read(path)
    assert [p.after.done for p in whole] == [False] * (len(whole) - 1) + [True]
    wanted = [event for part in whole for event in part.events]
    assert len(wanted) == len(names)
    for number, part in enumerate(whole[:-1], 1):
        place = read_place(written_place(part.after))
        rest = read(path, start=place)
        assert [e for p in (*whole[:number], *rest) for e in p.events] == wanted
        assert [n for p in (*whole[:number], *rest) for n in p.lines] == [n for p in whole for n in p.lines]


def _file(ending: str, names: list[str]) -> bytes:
    rows = [{"student_id": f"s{n}", "session_id": name} for n, name in enumerate(names)]
    if ending == ".parquet":
        buffer = io.BytesIO()
        columns = {k: pa.array([r[k] for r in rows], pa.string()) for k in ("student_id", "session_id")}
        pq.write_table(pa.table(columns), buffer, row_group_size=5)
        return buffer.getvalue()
    if ".csv" in ending:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["student_id", "session_id"])
        writer.writeheader()
        writer.writerows(rows)
        plain = text.getvalue().encode()
    else:
        plain = b"".join(json.dumps(row).encode() + b"\n\n" for row in rows)
    if ending.endswith(".gz"):
        return gzip.compress(plain)
    return zstandard.compress(plain) if ending.endswith(".zst") else plain
