"""Which school a command talks to, where nobody said which: the one of the environment, else the demo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import Settings, read_settings
from models.errors import NotFound

if TYPE_CHECKING:
    from connectors.metadata import Metadata

_SAYS_WHICH = ("HEADWAY_DEMO", "HEADWAY_SECRET", "HEADWAY_SECRET_FILE")


def school_settings(data: Path | None = None) -> Settings:
    """A demo school has its secret beside it; any other one needs HEADWAY_SECRET."""
    demo = None if any(os.environ.get(name) for name in _SAYS_WHICH) else True
    folder = data or Path(os.environ.get("HEADWAY_DATA") or ".headway/demo")
    if demo and not (folder / "secret").exists():
        raise NotFound(
            f"There is no demo school in {folder}. Make one with ./headway demo, name its folder with "
            "--data, or set HEADWAY_SECRET for your own school."
        )
    return read_settings(os.environ, data=data, demo=demo)


@contextmanager
def school_metadata(data: Path | None = None, *, new: bool = False) -> Iterator[Metadata]:
    """The people of that school. `new` makes the database where there is none yet."""
    from connectors.metadata import metadata_of

    settings = school_settings(data)
    if not new and "://" not in settings.metadata and not Path(settings.metadata).exists():
        raise NotFound(f"There is no school in {settings.data}. Make one with ./headway organisation add.")
    with metadata_of(settings) as metadata:
        metadata.migrate()
        yield metadata
