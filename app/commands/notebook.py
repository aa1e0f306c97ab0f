"""`./headway notebook`: JupyterLab, or marimo, with a desk of a data scientist's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import click

from app.commands.choosing import school_metadata, school_settings
from app.commands.options import PLACE
from app.commands.serve import say
from config.settings import Settings
from models.errors import BadQuestion, NotFound, Unavailable

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = ROOT / "docs" / "notebooks"
_USUAL = "data_scientist"  # for whom the token acts, where nobody is named
# What a notebook does: it asks and looks. Names are not among it, whatever the person may see elsewhere.
_DOES = frozenset(
    {
        "ask-measures",
        "ask-learners",
        "study-learners",
        "see-events",
        "see-quality",
        "export-data",
        "use-notebook",
    }
)
_LASTS_DAYS = 1.0
_PATIENCE_S = 60.0


@click.command(short_help="Open JupyterLab, or marimo, beside docs/notebooks.")
@click.option("--as", "login", help="Ask as this person; a data scientist of the school without it.")
@click.option("--url", help="Where a Headway's API answers; the one of this machine without it.")
@click.option("--token", envvar="TOKEN", help="An API token for it; one for a day is made without it.")
@click.option("--port", type=click.IntRange(1, 65535), default=8888, show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open it in the browser.")
@click.option("--marimo", is_flag=True, help="Open marimo instead of JupyterLab.")
@click.option("--data", type=PLACE, help="Folder of the school; .headway/demo without it.")
def command(
    login: str | None,
    url: str | None,
    token: str | None,
    port: int,
    browser: bool,
    marimo: bool,
    data: Path | None,
) -> int:
    """Ask from a notebook: measures as Arrow, pandas or Ibis, and every page or chart as a live panel.

    Answers come from a running Headway; where none runs on this machine its core is started. The scope is
    the person's own, and pseudonymous: a notebook is told no names.
    """
    work = _marimo(port, browser) if marimo else _lab(port, browser)
    if token:
        return asyncio.run(_run(work, url or _own_url(school_settings(data)), token))
    settings = school_settings(data)
    if not _is_here(settings):
        raise NotFound(f"There is no school in {settings.data}. Make one with ./headway demo.")
    with _token(data, login) as made:
        return asyncio.run(_beside_core(work, settings, url, made))


def _own_url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.api_port}"


def _is_here(settings: Settings) -> bool:
    return "://" in settings.metadata or Path(settings.metadata).exists()


@contextlib.contextmanager
def _token(data: Path | None, login: str | None) -> Iterator[str]:
    """For a day, and revoked when the notebook ends."""
    with school_metadata(data) as metadata:
        people = metadata.people.all() if login is None else []
        usual = next((p.login for p in people if p.login and p.roles[:1] == (_USUAL,)), None)
        login = login or usual
        person = metadata.people.by_login(login) if login else None
        if person is None or not person.roles:
            raise NotFound(
                f"The school has no {_USUAL}. Name a person with --as; see ./headway user list."
                if login is None
                else "There is nobody with this login. See ./headway user list."
            )
        held = metadata.roles[person.roles[0]].actions
        if "use-notebook" not in held:
            raise BadQuestion(
                f"The role '{person.roles[0]}' may not use a notebook. See ./headway user list."
            )
        wanted = [action for action in held if action in _DOES or action.startswith("open-page:")]
        before = {t.id for t in metadata.tokens.all(person.id)}
        token = metadata.tokens.create(person.login or "", wanted, _LASTS_DAYS)
        made = next(t.id for t in metadata.tokens.all(person.id) if t.id not in before)
        metadata.audit.write(
            "terminal",
            "token-created",
            person.id,
            organisation_id=person.organisation_id,
            detail=",".join(sorted(wanted)),
        )
        say(f"Asking as {person.login}, without names.")
    try:
        yield token
    finally:
        with school_metadata(data) as metadata, contextlib.suppress(NotFound):
            metadata.tokens.revoke(made)
            metadata.audit.write("terminal", "token-revoked", made)


async def _beside_core(work: Sequence[str], settings: Settings, url: str | None, token: str) -> int:
    if url is not None:
        return await _run(work, url, token)
    async with _core(settings):
        return await _run(work, _own_url(settings), token)


@contextlib.asynccontextmanager
async def _core(settings: Settings) -> AsyncIterator[None]:
    """The one that is running, or one of our own as long as the notebook is open."""
    from app.parts import alone_in, parts
    from app.supervisor import beside

    core = parts(settings)[0]
    if await core.answers():
        yield
        return
    try:
        held = alone_in(settings.data)
        held.__enter__()
    except Unavailable:
        raise Unavailable(
            f"A Headway is running on {settings.data} at another port. Name its API's address with --url."
        ) from None
    try:
        say("No Headway answers here; starting its core ...")
        async with beside([core]):
            async with asyncio.timeout(_PATIENCE_S):
                while not await core.answers():  # noqa: ASYNC110 - a port tells nobody when it opens
                    await asyncio.sleep(0.1)
            yield
    except TimeoutError:
        raise Unavailable("Core did not start. ./headway doctor says what is missing.") from None
    finally:
        held.__exit__(None, None, None)


async def _run(work: Sequence[str], url: str, token: str) -> int:
    """Until it is closed. Ctrl-C belongs to JupyterLab, which asks whether it is meant."""
    from app.notebook import ADDRESS, TOKEN

    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        ADDRESS: url,
        TOKEN: token,
        "PYTHONPATH": path,
        "JUPYTER_CONFIG_PATH": str(ROOT / "assets" / "jupyter"),  # asks nobody whether news are welcome
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *work, env=environment)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, process.terminate)
    return await process.wait()


def _lab(port: int, browser: bool) -> list[str]:
    """It asks nothing of the world: no news, no updates, no list of extensions."""
    return [
        "jupyterlab",
        f"--ServerApp.root_dir={NOTEBOOKS}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]


def _marimo(port: int, browser: bool) -> list[str]:
    opened = [] if browser else ["--headless"]
    return [
        "marimo",
        "edit",
        str(NOTEBOOKS),
        "--host=127.0.0.1",
        f"--port={port}",
        "--skip-update-check",
        *opened,
    ]
