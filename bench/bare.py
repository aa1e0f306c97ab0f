"""A page of stock Panel with one line of HTML, to compare ours with: nothing of Headway is in its process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

from app.tour import free_ports
from app.tour.school import answers
from bench.report import ROOT

PATH = "/bare"
_PATIENCE_S = 60.0


@contextlib.contextmanager
def bare() -> Iterator[tuple[str, int]]:
    """Its address and its process."""
    port = free_ports()
    process = subprocess.Popen([sys.executable, "-m", "bench.bare", str(port)], cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + _PATIENCE_S
    try:
        while not answers(address + PATH):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the bare page did not start")
            time.sleep(0.1)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def _serve(port: int) -> None:
    import panel as pn

    pn.extension()
    pn.serve({PATH: lambda: pn.pane.HTML("<h1>bare</h1>")}, port=port, show=False, admin=False, verbose=False)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
