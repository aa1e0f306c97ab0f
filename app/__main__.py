"""`./headway COMMAND`: finds the command, runs it, and turns what goes wrong into one line."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
import uuid
from collections.abc import Sequence

import click

from app.children import end_with_parent
from app.commands import COMMANDS
from models.errors import HeadwayError

VERSION = "0.1.0"
NAMED = {command.name: command for command in COMMANDS}


class Commands(click.Group):
    """Knows the names of its commands and reads a module only when its command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NAMED)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        known = NAMED.get(name)
        if known is None:
            return None
        found = getattr(importlib.import_module(known.module), known.attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.help) for command in COMMANDS])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in NAMED:
            import difflib

            near = difflib.get_close_matches(args[0], list(NAMED), n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " See ./headway --help."
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command explains itself: ./headway COMMAND --help",
)
@click.version_option(VERSION, prog_name="headway")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def headway(debug: bool) -> None:
    """Headway: learning analytics that a school runs with one command."""


def main(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments[:1]
    end_with_parent()
    try:
        result = headway.main(args=list(arguments), prog_name="headway", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away, as `| head` does; nothing is left to say
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        detail, code = told(error)
        click.echo(f"headway: {detail}", err=True)
        return code


def told(error: Exception) -> tuple[str, int]:
    """An error as one sentence and an exit code."""
    if isinstance(error, HeadwayError):
        return error.detail, error.exit_code
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full. Free some space, or choose another folder with --data.", 6
    if isinstance(error, PermissionError) and error.filename:
        return f"No permission for {error.filename}. Choose another folder with --data.", 6
    incident = uuid.uuid4().hex[:8]
    kind = type(error).__name__
    return f"Something unexpected happened ({kind}, incident {incident}). Run ./headway --debug ...", 1


if __name__ == "__main__":
    os.umask(0o077)  # what is written holds a school: it is for whoever runs this alone
    sys.exit(main(sys.argv[1:]))
