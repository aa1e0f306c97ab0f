"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path

import click


class Place(click.ParamType[Path, str]):
    """A path as the caller means it: relative to where ./headway was called, not to the tree."""

    name = "path"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return (Path(os.environ.get("CALLED_FROM", ".")) / str(value)).resolve()


PLACE = Place()
