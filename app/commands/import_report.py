"""What became of each file: how much went in, and what was refused, why and in which lines."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from connectors.intake.codes import CODES

if TYPE_CHECKING:
    from connectors.sources.files.parts import Part, Reading
    from connectors.sources.files.rows import Place

_LINES_KEPT = 1000
_LINES_SHOWN = 8
# Rows that never became an event: what they hold is not known, so nothing of them is kept.
_FAULTS = {
    "bad-row": ("The row has not the columns of its header, or is no JSON object.", "Correct the row."),
    "bad-text": ("The row is no text in this encoding.", "Say the encoding in the map, under [file]."),
    "too-long": ("The row is longer than any event.", "Look for a quote that is never closed."),
}


@dataclass(slots=True)
class FileReport:
    name: str
    unit: str  # of the places: line or row
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    places: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    resumed_after: int = 0
    was_done: bool = False
    interrupted: bool = False
    ids_made: int = 0
    unused: tuple[str, ...] = ()
    seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, reading: Reading) -> FileReport:
        return cls(reading.path.name, "row" if reading.format == "parquet" else "line")

    def began(self, start: Place) -> None:
        self._started = time.monotonic()
        self.resumed_after, self.was_done = start.row, start.done

    def ended(self, reading: Reading) -> None:
        self.seconds = time.monotonic() - self._started
        self.ids_made, self.unused = reading.mapping.ids_made, reading.mapping.unused

    def add(self, part: Part, answer: dict[str, Any]) -> None:
        self.rows += len(part.lines) + len(part.faults)
        self.accepted += answer["accepted"]
        self.duplicates += answer["duplicates"]
        self.quarantined += answer["quarantined"]
        for one in answer["rejected"]:
            self._refuse(one["code"], part.lines[one["index"]])
        for line, fault in part.faults:
            self._refuse(fault, line)

    def _refuse(self, code: str, place: int) -> None:
        self.refused[code] += 1
        if len(self.places[code]) < _LINES_KEPT:
            self.places[code].append(place)

    def reasons(self) -> list[dict[str, Any]]:
        return [
            {"code": code, "count": count, **_why(code), f"{self.unit}s": sorted(self.places[code])}
            for code, count in self.refused.most_common()
        ]


def _why(code: str) -> dict[str, str]:
    if code in CODES:
        return {"meaning": CODES[code].meaning, "cure": CODES[code].cure}
    meaning, cure = _FAULTS.get(code, ("", ""))
    return {"meaning": meaning, "cure": cure}


def told(report: FileReport) -> None:
    if report.was_done:
        click.echo(f"{report.name}: was taken in before; --again goes through it once more.")
        return
    rate = report.rows / max(report.seconds, 0.001)
    after = f" after the {report.resumed_after:,} of before" if report.resumed_after else ""
    click.echo(
        f"{report.name}: {report.rows:,} rows{after}: {report.accepted:,} accepted, "
        f"{report.duplicates:,} known already, {report.quarantined:,} of unknown type, "
        f"{report.refused.total():,} refused ({report.seconds:.1f} s, {rate:,.0f} rows/s)"
    )
    for reason in report.reasons():
        _tell_reason(report, reason)
    _tell_notes(report)


def _tell_reason(report: FileReport, reason: dict[str, Any]) -> None:
    places = reason[f"{report.unit}s"]
    shown = ", ".join(str(place) for place in places[:_LINES_SHOWN])
    more = " ..." if reason["count"] > _LINES_SHOWN else ""
    click.echo(f"  {reason['count']:>8,} {reason['code']}: {reason['meaning']} {reason['cure']}")
    click.echo(f"           {report.unit} {shown}{more}")


def _tell_notes(report: FileReport) -> None:
    if report.unused:
        click.echo(f"  Columns that are no field: {', '.join(report.unused)}. A --map can name them.")
    if report.ids_made:
        click.echo(
            f"  {report.ids_made:,} rows had no event_id and got one from the file and their number: "
            "the same rows in another file would count again. See id_from in docs/sources.md."
        )
    if report.interrupted:
        click.echo("  Interrupted. The same command goes on from here.")


def written(reports: list[FileReport]) -> bytes:
    files = [
        {
            "file": report.name,
            "already_imported": report.was_done,
            "interrupted": report.interrupted,
            "rows_before": report.resumed_after,
            "rows": report.rows,
            "accepted": report.accepted,
            "duplicates": report.duplicates,
            "quarantined": report.quarantined,
            "refused": report.refused.total(),
            "reasons": report.reasons(),
            "columns_not_used": list(report.unused),
            "ids_made": report.ids_made,
            "seconds": round(report.seconds, 3),
        }
        for report in reports
    ]
    return json.dumps({"files": files}).encode()
