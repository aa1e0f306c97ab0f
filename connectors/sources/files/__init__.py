"""Files of events: CSV, NDJSON and Parquet, read in parts, so that any size fits into little memory."""

from __future__ import annotations

from connectors.intake.decode import Decoded, decode

SOURCE = "file"


def read(payload: bytes) -> Decoded:
    """Events of a part of a file: one JSON object a line. A part may hold none."""
    if not payload:
        return Decoded([], (), None, 0)
    return decode(payload, "ndjson")


def source_key(organisation_id: int, file: str) -> str:
    """Under which the warehouse keeps how far a file was taken in."""
    return f"{SOURCE}/{organisation_id}/{file}"
