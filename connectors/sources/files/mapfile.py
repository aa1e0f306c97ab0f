"""map.toml: which column is which field of an event, as its author writes it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from models.errors import BadQuestion, NotFound, unknown

OUTSIDE = ("event_id", "event_type", "timestamp", "student_id", "session_id", "sequence")
CONTEXT = ("course_id", "lesson_id", "video_id", "assessment_id")
DEVICE = ("type", "os", "browser")
TARGETS = (*OUTSIDE, *(f"context.{n}" for n in CONTEXT), *(f"device.{n}" for n in DEVICE), "payload")
WHOLE = (*OUTSIDE, "context", "device", "payload")


class FileSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    encoding: str = "utf-8"
    delimiter: str = ""
    decimal: str = "."


class TimeSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str = "iso"  # iso, unix, unix-ms, or a pattern like %d.%m.%Y %H:%M
    zone: str = ""  # of times that bear none


class MapFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column is a name, or several whose values are joined by a space."""

    columns: dict[str, str | list[str]] = {}
    constants: dict[str, str | int | float | bool] = {}
    values: dict[str, dict[str, str]] = {}
    id_from: list[str] = []
    time: TimeSection = TimeSection()
    file: FileSection = FileSection()


NO_MAP = MapFile()


def read_map_file(path: Path) -> tuple[MapFile, bytes]:
    """The map, and its bytes as written."""
    try:
        text = path.read_bytes()
        said = msgspec.convert(tomllib.loads(text.decode()), MapFile)
    except FileNotFoundError:
        raise NotFound(f"There is no map {path}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadQuestion(f"{path.name}: {error}.") from None
    for target in (*said.columns, *said.constants, *said.values):
        if target not in TARGETS and not target.startswith("payload."):
            raise unknown("field in the map", target, TARGETS)
    return said, text


def zone_of(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        raise BadQuestion(f"unknown zone '{name[:60]}' in the map; write it like Europe/Berlin") from None
