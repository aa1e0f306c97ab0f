"""`./headway bench NAME`: measured claims, each with the floor it is compared with."""

from __future__ import annotations

import importlib

import click

from bench import BENCHES

_NAMES = "\n".join(f"  {name:<10}{told}" for name, (_, told) in BENCHES.items())


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Measure speed: query, generate, start.",
    help=f"Run a bench; its own options follow its name (--json for one JSON object).\n\n\b\n{_NAMES}",
)
@click.argument("name", type=click.Choice(list(BENCHES)))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(name: str, options: tuple[str, ...]) -> int:
    module, _ = BENCHES[name]
    return int(importlib.import_module(module).main(options))
