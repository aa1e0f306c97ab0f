"""From a fresh clone with an empty environment to a page that answers, and the second start."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.tour import free_ports
from bench.report import ROOT, report, show

_PASSED_ON = ("PATH", "HOME", "LANG", "http_proxy", "https_proxy", "no_proxy")
_INSTALLER = ("PIP_", "UV_", "SSL_")  # where packages come from is the machine's affair, not ours


def _environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_INSTALLER)
    }


def _answers(port: int) -> bool:
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Accept-Language": "en"})
        with urllib.request.urlopen(request, timeout=2) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"the start page answers with {error.code}; see what ./headway demo says") from None
    except OSError:
        return False


def _best(tree: Path, patience_s: float, data: Path) -> float:
    """The first start makes the school, unless it was made before; it does not count."""
    starts = [started(tree, _environment(), patience_s, data) for _ in range(4)]
    return min(starts[1:])


def started(tree: Path, environment: Mapping[str, str], patience_s: float, data: Path | None = None) -> float:
    """Seconds until the start page answers; the server is stopped again."""
    port = free_ports()
    command = ["sh", "./headway", "demo", "--port", str(port), "--no-live"]
    command += ["--data", str(data)] if data else []
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(port):
            if process.poll() is not None:
                raise SystemExit(f"./headway demo ended with code {process.returncode}")
            if time.perf_counter() - began > patience_s:
                raise SystemExit(f"no page answered within {patience_s:.0f} s")
            time.sleep(0.02)
        return time.perf_counter() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./headway bench start", description=__doc__)
    parser.add_argument("--patience", type=float, default=900.0, help="seconds to wait for a page (900)")
    parser.add_argument("--warm", action="store_true", help="only the second start, of this very checkout")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    if given.warm:
        data = ROOT / ".headway" / "bench" / "start"
        warm = _best(ROOT, given.patience, data)
        notes = ["warm only: this checkout, best of three after one that made the school"]
        print(show(report("start", {"warm_s": warm}, notes=notes), given.json))
        return 0
    with tempfile.TemporaryDirectory(prefix="headway-bench-") as folder:
        tree = Path(folder) / "headway"
        subprocess.run(["git", "clone", "--quiet", "--local", str(ROOT), str(tree)], check=True)
        cold = started(tree, _environment(), given.patience)
        warm = min(started(tree, _environment(), given.patience) for _ in range(3))
    notes = ["cold: clone of the last commit, install from the lock, school of 2 million events, first page"]
    print(show(report("start", {"cold_s": cold, "warm_s": warm}, notes=notes), given.json))
    return 0
