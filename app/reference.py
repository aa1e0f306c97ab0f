"""docs/reference/*.md, made from what the program itself goes by. A test fails when they are out of date."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from app.__main__ import headway
from app.problems import REQUEST_CODES
from app.routes_told import routes
from compute.dimensions import DIMENSIONS, HELP
from compute.measures import MEASURES, SUBJECTS
from compute.measures.measure import Measure
from compute.questions import QUESTIONS
from compute.release import OFFERED
from compute.sources import SOURCES
from config.roles import OPEN_PAGE, read_roles
from config.settings import setting_meanings
from config.taxonomy import taxonomy
from connectors.intake.codes import REJECTIONS
from models.errors import HeadwayError
from models.event import PERSONAL, PayloadField
from models.scope import SMALLEST_GROUP

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
# Where kinds of errors are declared besides models.errors.
ERROR_MODULES = ("connectors.intake.unpack", "connectors.sources.files.opening")
_LONGEST_EXAMPLE = 120
_MADE = "<!-- Made by ./headway reference. Do not edit: change what it is made from. -->"

_MEASURES_TOLD = f"""\
Good says which way is better. Fresh: live is at once, near is within minutes, batch is hourly or nightly.
Learners behind a number are those for whom one of these columns is not zero. Where fewer than
{SMALLEST_GROUP} are, the number is hidden from who may not see rows. The first of the tables is the cheapest.
"""
_SMALL_NUMBERS = f"""\
Who may not see rows sees no number with fewer than {SMALLEST_GROUP} learners behind it, nor others from which
it would follow. Such an answer holds complete months only (from three days after the month), one breakdown
at a time besides time, no lowest and highest values. Beside a small group the smallest large one is hidden
too. A range is shown where each of its months is. Hidden values are null and counted as `suppressed`.
Averages of peers need one learner more, since one knows oneself.

What this does not stop: people who put their answers together, and answers kept from before a learner changed
group or was erased.
"""
_EVERY_EVENT = """\
Every event has `event_id` (UUID), `event_type`, `timestamp` (ISO 8601 with zone), `student_id`, `session_id`,
and may have `context`, `device`, `payload`, `sequence`. P0 is never shed under load, P2 is shed first.
A field that is not declared is kept; an unknown type goes to quarantine and is not lost.
"""
_ERRORS_TOLD = """\
Over HTTP every error is `application/problem+json` with one of these codes; in the terminal it is one line
and the exit code. What is denied and what does not exist are both `not-found`.
"""


def pages() -> dict[str, str]:
    """File name -> text."""
    made = {
        "measures.md": _measures(),
        "dimensions.md": _dimensions(),
        "events.md": _events(),
        "roles.md": _roles(),
        "settings.md": _settings(),
        "commands.md": _commands(),
        "errors.md": _errors(),
        "api.md": _api(),
    }
    return {name: f"{_MADE}\n\n" + "\n".join(lines).rstrip() + "\n" for name, lines in made.items()}


def write(folder: Path = FOLDER) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


@click.command(short_help="Write the reference pages in docs/reference anew.")
def command() -> None:
    """Write the reference pages in docs/reference anew from what the program goes by."""
    for path in write():
        click.echo(f"wrote {path.relative_to(FOLDER.parent.parent)}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
    yield ""


def _code(*texts: str) -> str:
    return ", ".join(f"`{text}`" for text in texts)


# ---- the catalogue --------------------------------------------------------------------------------------


def _measures() -> Iterator[str]:
    yield "# Measures"
    yield ""
    yield f'{len(MEASURES)} numbers, each declared once. Ask: `./headway ask "active_learners by week"`,'
    yield "or `GET /api/v1/query?measures=active_learners&by=week`."
    yield ""
    yield from _MEASURES_TOLD.splitlines()
    yield ""
    for subject in SUBJECTS:
        yield f"## {subject.capitalize()}"
        yield ""
        head = (
            "measure",
            "meaning",
            "unit",
            "good",
            "fresh",
            "one is a",
            "learners behind",
            "rows of",
            "tables",
        )
        yield from _table(head, (_measure(each) for each in MEASURES if each.subject == subject))
    yield "## Questions"
    yield ""
    rows = ((_code(q.name), q.meaning, q.freshness, q.rows, _code(q.action)) for q in QUESTIONS)
    yield from _table(("question", "meaning", "fresh", "one row is of", "action"), rows)


def _measure(each: Measure) -> tuple[str, ...]:
    wanted: set[str] = set()
    for name in each.needs:
        wanted.update(HELP[name].needs if name in HELP else (name,))
    tables = [source.table for source in SOURCES[each.family] if wanted <= source.columns]
    return (
        _code(each.name),
        each.meaning,
        each.unit,
        each.better,
        each.freshness,
        each.grain,
        _code(*each.behind),
        ", ".join(each.scopes),
        _code(*tables),
    )


def _dimensions() -> Iterator[str]:
    yield "# Dimensions"
    yield ""
    yield "What measures may be broken down and filtered by. Days are days of the school's own zone."
    yield "The last column says whether somebody who may not see rows is offered it (small numbers, below)."
    yield ""
    rows = (
        (_code(d.name), d.meaning, d.kind, "yes" if d.label else "", "yes" if d.name in OFFERED else "")
        for d in DIMENSIONS
    )
    yield from _table(("dimension", "meaning", "kind", "has titles", "without rows"), rows)
    yield "## Small numbers"
    yield ""
    yield from _SMALL_NUMBERS.splitlines()
    yield ""


# ---- events ---------------------------------------------------------------------------------------------


def _events() -> Iterator[str]:
    yield "# Events"
    yield ""
    yield from _EVERY_EVENT.splitlines()
    yield ""
    for each in taxonomy().values():
        yield f"## {each.name}"
        yield ""
        needs = f" Needs {_code(*each.needs)} in `context`." if each.needs else ""
        yield f"{each.meaning} ({each.category}, {each.priority}){needs}"
        yield ""
        if each.fields:
            yield from _table(("field", "kind", "meaning", "values", "stored in"), map(_field, each.fields))


def _field(each: PayloadField) -> tuple[str, ...]:
    ends = [] if each.low is None else [f"from {each.low:g}"]
    ends += [] if each.high is None else [f"to {each.high:g}"]
    values = _code(*each.among) if each.among else " ".join((*ends, each.unit)).strip()
    name = f"**`{each.name}`** (required)" if each.required else _code(each.name)
    kinds = "personal data of any kind" if each.personal == PERSONAL else ", ".join(each.personal)
    free = f" May hold {kinds}: it is searched." if each.personal else ""
    return name, each.kind, each.meaning + free, values, _code(each.column) if each.column else "payload"


# ---- people and machine ---------------------------------------------------------------------------------


def _roles() -> Iterator[str]:
    roles = read_roles()
    yield "# Roles"
    yield ""
    yield "Roles are data: `config/roles.toml`, or a file of your own in `HEADWAY_ROLES`."
    yield ""
    head = ("role", "meaning", "rows of", "sees rows", "sees names", "actions", "pages")
    rows = []
    for role in roles.by_name.values():
        opened = sorted(a.removeprefix(OPEN_PAGE) for a in role.actions if a.startswith(OPEN_PAGE))
        actions = sorted(a for a in role.actions if not a.startswith(OPEN_PAGE))
        sees = ("yes" if role.sees_rows else "", "yes" if role.sees_names else "")
        rows.append((_code(role.name), role.meaning, role.rows, *sees, _code(*actions), ", ".join(opened)))
    yield from _table(head, rows)
    yield "## Actions"
    yield ""
    yield from _table(
        ("action", "meaning"), ((_code(name), meaning) for name, meaning in roles.actions.items())
    )


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Read once from the environment at start. A name with a slip in it stops the program."
    yield ""
    rows = (
        (_code(s.variable), s.meaning, _code(s.kind), _code(s.default) if s.default else "")
        for s in setting_meanings()
    )
    yield from _table(("variable", "meaning", "kind", "default"), rows)


def _commands() -> Iterator[str]:
    yield "# Commands"
    yield ""
    with click.Context(headway, info_name="./headway") as context:
        for name in headway.list_commands(context):
            found = headway.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _command(found, context, name)


def _command(found: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    with click.Context(found, info_name=name, parent=parent) as context:
        yield f"## {context.command_path}"
        yield ""
        yield inspect.cleandoc((found.help or found.short_help or "").split("\f")[0]).replace("\b\n", "")
        yield ""
        rows = list(_parameters(found))
        if rows:
            yield from _table(("parameter", "meaning", "default"), rows)
        if isinstance(found, click.Group):
            for below in found.list_commands(context):
                part = found.get_command(context, below)
                if part is not None and not part.hidden:
                    yield from _command(part, context, below)


def _parameters(found: click.Command) -> Iterator[tuple[str, ...]]:
    for each in found.params:
        if isinstance(each, click.Option):
            if not each.hidden:
                yield _code(*each.opts, *each.secondary_opts), each.help or "", _default(each)
        else:
            yield _code((each.name or "").upper()), "required" if each.required else "optional", ""


def _default(option: click.Option) -> str:
    """Only what was written down: a default that is worked out differs from machine to machine."""
    value = option.to_info_dict()["default"]
    return _code(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _api() -> Iterator[str]:
    yield "# The API"
    yield ""
    yield "A token or a session in each request. What is denied and what does not exist are the same 404."
    yield ""
    rows = []
    for method, path, needs, told, parameters in routes():
        known = "; ".join(f"`{name}`: {means}" if means else f"`{name}`" for name, means in parameters)
        rows.append((_code(f"{method} {path}"), needs, told, known))
    yield from _table(("route", "needs", "what it is", "parameters"), rows)


def _errors() -> Iterator[str]:
    yield "# Errors"
    yield ""
    yield from _ERRORS_TOLD.splitlines()
    yield ""
    rows = sorted(
        (_code(kind.code), str(kind.status), str(kind.exit_code), _meaning(kind)) for kind in kinds()
    )
    known = {kind.code for kind in kinds()}
    rows += [
        (_code(code), str(status), "", "The request itself is wrong.")
        for status, code in REQUEST_CODES.items()
        if code not in known
    ]
    yield from _table(("code", "status", "exit code", "meaning"), rows)
    yield "## Events that are not accepted"
    yield ""
    yield "`POST /api/v1/events` answers item by item; the good events of a batch are kept."
    yield ""
    rejected = (
        (_code(r.code), r.meaning, r.cure, _code(_shortened(r.example)), "yes" if r.kept else "")
        for r in REJECTIONS
    )
    yield from _table(("code", "meaning", "what to do", "an event that gets it", "replayable"), rejected)


def kinds() -> list[type[HeadwayError]]:
    """Each code once, from the class that gives it."""
    found = {HeadwayError.code: HeadwayError}
    for name in ("models.errors", *ERROR_MODULES):
        for held in vars(importlib.import_module(name)).values():
            if isinstance(held, type) and issubclass(held, HeadwayError) and "code" in vars(held):
                found.setdefault(held.code, held)
    return list(found.values())


_MEANINGS = {
    "error": "Something unexpected; the line names an incident to look for in the log.",
    "bad-question": "The question cannot be answered as asked; the sentence says what would be right.",
    "not-signed-in": "No session or token, or it has ended.",
    "not-found": "There is nothing here that you may see.",
    "too-large": "More than is taken at once.",
    "too-many": "Too much at this moment; Retry-After says when to come again.",
    "unavailable": "The database, the broker or the disk is away.",
    "bad-settings": "The settings do not fit; the sentence says which.",
    "newer-schema": "The database was made by a newer Headway.",
    "not-acceptable": "The answer is not made in any form that was asked for.",
    "unreadable-body": "The body cannot be read at all.",
    "unsupported-media-type": "The body has a form or encoding that is not taken.",
}


def _meaning(kind: type[HeadwayError]) -> str:
    told = _MEANINGS.get(kind.code) or (kind.__doc__ or "").strip().split("\n")[0]
    assert told, f"{kind.__name__} has neither a docstring nor a meaning in app/reference.py"
    return told


def _shortened(example: str) -> str:
    return example if len(example) <= _LONGEST_EXAMPLE else example[: _LONGEST_EXAMPLE - 4] + " ..."
