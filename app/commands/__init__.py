"""Every command of `./headway`, in the order in which `--help` lists them.

Named here rather than imported, so that `--help` answers at once: a command's module is read when
the command runs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    module: str  # holds a click command called like `attribute`
    help: str
    attribute: str = "command"


COMMANDS: tuple[Command, ...] = (
    Command("demo", "app.commands.demo", "Start a demo school and keep its day running."),
    Command("serve", "app.commands.serve", "Start Headway on your own data."),
    Command("ask", "app.commands.ask", "Ask for measures: a table, --json or --csv."),
    Command("generate", "app.commands.school", "Make a demo school with a known truth.", "generate"),
    Command("simulate", "app.commands.simulate", "Play the demo school's day.", "simulate"),
    Command(
        "doctor", "app.commands.doctor", "Say what is configured, reachable, missing, and how to fix it."
    ),
    Command("migrate", "app.commands.migrate", "Bring both databases to this program's schema."),
    Command("organisation", "app.commands.people", "List and add organisations.", "organisation"),
    Command("user", "app.commands.linking", "List, add, link and erase people.", "user"),
    Command("token", "app.commands.people", "Create, list and revoke API tokens.", "token"),
    Command("audit", "app.commands.people", "Verify the record of who saw and did what.", "audit"),
    Command("import", "app.commands.importing", "Take in events from CSV, NDJSON or Parquet files."),
    Command("deadletters", "app.commands.intake", "Events not accepted: list, show, replay.", "deadletters"),
    Command("test", "app.commands.test", "Run every check: style, types, tests, browser."),
    Command("bench", "app.commands.bench", "Measure speed: query, generate, start."),
    Command("notebook", "app.commands.notebook", "Open JupyterLab, or marimo, beside docs/notebooks."),
    Command("tour", "app.commands.tour", "Look at every page as every role in Chromium; pictures, a report."),
    Command("reference", "app.reference", "Write the reference pages in docs/reference anew."),
    Command("core", "app.commands.parts", "Run core alone: databases, API, ingest, desk.", "core"),
    Command("ui", "app.commands.parts", "Run the ui process alone, beside a running core.", "ui"),
)
