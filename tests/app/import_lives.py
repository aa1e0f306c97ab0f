"""`./headway import`, killed again and again: everything is imported once, each life is a fork.
Run as a process of its own: LIVES, then the command's words."""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import threading
import traceback
from collections.abc import Sequence

import pytest

from app import ingest
from app.__main__ import main as headway
from app.commands import way_in
from app.commands.import_report import FileReport
from connectors.sources.files import parts
from tests.connectors.kill_loop import warm

_LONGEST_S = 60.0


def one_life(words: Sequence[str], dice: random.Random) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _live(words, writing)
    os.close(writing)
    select.select([reading], [], [], _LONGEST_S)
    threading.Event().wait(dice.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit("a life ended by itself")


def _live(words: Sequence[str], told: int) -> None:
    add = FileReport.add

    def and_tell(*given: object) -> None:
        os.write(told, b".")
        add(*given)  # type: ignore[arg-type]

    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(parts, "MOST_ROWS", 100)
            patched.setattr(FileReport, "add", and_tell)
            headway(["import", *words])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # it should have been killed


def main(arguments: Sequence[str]) -> None:
    lives, *words = arguments
    assert ingest and way_in, "imported for the lives"
    warm()
    dice = random.Random(7)
    for _ in range(int(lives)):
        one_life(words, dice)


if __name__ == "__main__":
    main(sys.argv[1:])
