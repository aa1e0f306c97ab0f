"""`./headway test`: style, types, then every test; the last lines are pytest's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click

from app import chromium
from models.errors import Unavailable

CHECKS = (
    ("style", ["ruff", "check", "--quiet", "."]),
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("types", ["mypy"]),
)


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run every check: style, types, tests, browser.",
)
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED)
def command(pytest_args: tuple[str, ...]) -> int:
    """Run every check. What follows `test` goes to pytest: ./headway test tests/app -k desk"""
    environment = dict(os.environ)
    worst = 0
    try:
        environment[chromium.VARIABLE] = chromium.obtain(_say)
        _say(f"browser: {environment[chromium.VARIABLE]}")
    except Unavailable as missing:
        _say(f"browser: {missing.detail}")
        worst = missing.exit_code
    for name, arguments in CHECKS:
        worst = max(worst, _check(name, arguments, environment))
    _say("tests ...")
    return max(worst, _run("pytest", [*_workers(pytest_args), *pytest_args], environment))


def _check(name: str, arguments: list[str], environment: dict[str, str]) -> int:
    _say(f"{name} ...")
    began = time.monotonic()
    code = _run(arguments[0], arguments[1:], environment)
    _say(f"{name}: {'good' if code == 0 else 'NOT GOOD'} ({time.monotonic() - began:.0f} s)")
    return code


def _run(module: str, arguments: list[str], environment: dict[str, str]) -> int:
    return subprocess.run([sys.executable, "-m", module, *arguments], env=environment).returncode  # noqa: S603


def _workers(pytest_args: tuple[str, ...]) -> list[str]:
    """Two at a time, unless the caller says otherwise or wants a debugger."""
    own = ("-n", "--pdb", "--collect-only", "--co", "--trace")
    return [] if any(argument.startswith(own) for argument in pytest_args) else ["-n", "2"]


def _say(line: str) -> None:
    click.echo(f"headway test: {line}", err=True)
