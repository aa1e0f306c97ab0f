"""The processes by themselves: what `demo` and `serve` start, and what a cluster runs apart."""

from __future__ import annotations

import os

import click

from config.settings import read_settings


@click.command(short_help="Run core alone: databases, API, ingest, desk.")
def core() -> int:
    """Run core alone, with the settings of the environment."""
    from app.core import Core
    from app.processes import run
    from app.processes.core import new_loop, serve_core

    settings = read_settings(os.environ, process="core")
    return run(settings, serve_core(Core(settings)), new_loop)


@click.command(short_help="Run the ui process alone, beside a running core.")
def ui() -> int:
    """Run the pages alone. They reach core over HEADWAY_SOCKET and hold no data of their own."""
    from app.processes import run
    from app.processes.ui import serve_ui

    settings = read_settings(os.environ, process="ui")
    return run(settings, serve_ui(settings))
