"""The house keeps its shape: who may import whom, which library lives in which room, and every
registry lists its folder. A failure is a sentence that says which arrow is wrong and what is allowed."""

from __future__ import annotations

import dis
import importlib
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

ROOT = Path(__file__).resolve().parent.parent
WINGS = ("app", "pages", "compute", "connectors", "models", "config")

# wing -> the wings it may import besides itself
ARROWS = {
    "models": (),
    "config": ("models",),
    "compute": ("models",),
    "pages": ("compute", "models"),
    "connectors": ("models", "config"),
    "app": WINGS,
}

# library -> the rooms it may be imported in (path prefixes)
ROOMS = {
    "panel": ("pages/", "app/mount"),
    "panel_material_ui": ("pages/", "app/mount"),
    "param": ("pages/", "app/mount"),
    "bokeh": ("pages/", "app/mount"),
    "holoviews": ("pages/charts/",),
    "hvplot": ("pages/charts/",),
    "datashader": ("pages/charts/",),
    "tornado": ("app/mount",),
    "fastapi": ("app/",),
    "starlette": ("app/",),
    "uvicorn": ("app/",),
    "duckdb": ("connectors/warehouse/",),
    "psycopg": ("connectors/warehouse/",),
    "sqlalchemy": ("connectors/metadata/",),
    "alembic": ("connectors/metadata/",),
    "dask": ("connectors/cluster.py",),
    "distributed": ("connectors/cluster.py",),
    "ibis": (
        "compute/",
        "models/tables.py",
        "models/contracts.py",
        "models/rollup.py",
        "models/holes.py",
        "connectors/warehouse/",
    ),
    "confluent_kafka": ("connectors/sources/kafka.py",),
}

SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|DELETE\s+FROM|CREATE\s+(TABLE|INDEX|SCHEMA)|ALTER\s+TABLE|DROP\s+TABLE)\s",
    re.DOTALL,
)
SQL_ROOMS = ("connectors/warehouse/", "connectors/metadata/")


def sources(*wings: str) -> Iterator[Path]:
    for wing in wings or WINGS:
        yield from sorted((ROOT / wing).rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path) -> Iterator[CodeType]:
    """A file's code, with all that is nested in it. It is compiled and not parsed into a tree: where another
    thread parses at the same time, `ast.parse` of Python 3.11 fails now and then with a SystemError."""
    waiting = [compile(path.read_text(), str(path), "exec", dont_inherit=True)]
    while waiting:
        block = waiting.pop()
        yield block
        waiting += [inner for inner in block.co_consts if isinstance(inner, CodeType)]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    for block in blocks(path):
        steps = [step for step in dis.get_instructions(block) if step.opname != "EXTENDED_ARG"]
        for level, _, step in zip(steps, steps[1:], steps[2:], strict=False):
            if step.opname == "IMPORT_NAME":
                line = (step.positions.lineno if step.positions else None) or block.co_firstlineno
                assert not level.argval, f"{room(path)}:{line}: say the whole name, no relative import"
                yield line, str(step.argval)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Each text in the code, also those kept together as one constant, and where its block begins."""
    for block in blocks(path):
        waiting = list(block.co_consts)
        while waiting:
            const = waiting.pop()
            if isinstance(const, str):
                yield block.co_firstlineno, const
            elif isinstance(const, tuple | frozenset):
                waiting += const


def wrong_arrows(path: Path) -> Iterator[str]:
    wing = room(path).split("/")[0]
    allowed = ARROWS[wing]
    for line, name in imported(path):
        target = name.split(".")[0]
        if target in WINGS and target != wing and target not in allowed:
            yield (
                f"{room(path)}:{line}: {wing} -> {target} is a wrong arrow;"
                f" {wing} may import {', '.join(allowed) or 'nothing of ours'}"
            )
        if target == "tests":
            yield f"{room(path)}:{line}: the product may not import its tests"


def strangers(path: Path) -> Iterator[str]:
    for line, name in imported(path):
        rooms = ROOMS.get(name.split(".")[0])
        if rooms and not room(path).startswith(rooms):
            yield f"{room(path)}:{line}: {name} lives in {', '.join(rooms)}"


def test_no_arrow_points_the_wrong_way() -> None:
    wrong = [sentence for path in sources() for sentence in wrong_arrows(path)]
    assert not wrong, "\n".join(wrong)


def test_every_library_stays_in_its_rooms() -> None:
    wrong = [sentence for path in sources() for sentence in strangers(path)]
    assert not wrong, "\n".join(wrong)


def test_a_wrong_arrow_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path)
    (tmp_path / "compute").mkdir()
    bad = tmp_path / "compute" / "bad.py"
    bad.write_text("import duckdb\nfrom connectors.warehouse import Warehouse\n")
    assert ["compute -> connectors" in s for s in wrong_arrows(bad)] == [True]
    assert ["duckdb lives in" in s for s in strangers(bad)] == [True]


def test_sql_is_spoken_in_one_room_only() -> None:
    spoken = []
    for path in sources():
        if room(path).startswith(SQL_ROOMS):
            continue
        for line, text in texts(path):
            if SQL.search(text):
                spoken.append(f"{room(path)}, from line {line}: SQL text belongs in {' or '.join(SQL_ROOMS)}")
    assert not spoken, "\n".join(spoken)


def test_a_text_of_sql_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "def f():\n    return ('SELECT a FROM b ', 1)\n\n\ndef g():\n    import duckdb.typing as t\n"
    )
    assert [line for line, text in texts(bad) if SQL.search(text)] == [1]
    assert list(imported(bad)) == [(6, "duckdb.typing")]


def test_nobody_throws_dice_that_all_share() -> None:
    """What cannot be repeated cannot be looked into; a strategy of hypothesis must not either."""
    shared = re.compile(r"(?<![.\w])random\.(?!Random\b)[a-z]\w*\(|from random import (?!Random\b)")
    files = [path for wing in (*WINGS, "tests", "bench") for path in (ROOT / wing).rglob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if shared.search(line)
    ]
    assert len(files) > 400 and not found, found


def test_nobody_uses_panels_cache() -> None:
    """It keys unknown objects by id(): answers of one scope would reach another."""
    assert [
        room(p) for p in sources() if re.search(r"\b(pn|panel)\.cache\b|state\.as_cached", p.read_text())
    ] == []


REGISTRIES = (
    ("pages.charts", "CHARTS"),
    ("connectors.sources", "SOURCES"),
    ("connectors.channels", "CHANNELS"),
    ("compute.measures", "MEASURES"),
)


@pytest.mark.parametrize(("package", "registry"), REGISTRIES)
def test_a_registry_lists_its_folder(package: str, registry: str) -> None:
    folder = ROOT / package.replace(".", "/")
    if not (folder / "__init__.py").exists():
        pytest.skip(f"{package} has nothing in it yet: whoever adds it must list it in {registry}")
    module = importlib.import_module(package)
    assert isinstance(getattr(module, registry), tuple), f"{package}.{registry} is an ordered tuple"
    text = (folder / "__init__.py").read_text()
    missing = [
        info.name
        for info in pkgutil.iter_modules([str(folder)])
        if not info.name.startswith("_") and not re.search(rf"\b{info.name}\b", text)
    ]
    assert not missing, f"{package}/__init__.py does not list {', '.join(missing)} in {registry}"


def test_pages_lists_every_page() -> None:
    """Beside the pages their folder holds what they are made of: a page is a class that is called one."""
    listed = {page.view.__name__ for page in importlib.import_module("pages").PAGES}
    written = {
        name
        for path in (ROOT / "pages").rglob("*.py")
        for name in re.findall(r"^class (\w+Page)\b", path.read_text(), re.MULTILINE)
    }
    assert written - listed == set(), "pages/__init__.py does not list them in PAGES"
    assert listed - written == set(), (
        "a page's class is called <What>Page, else nobody sees that it is missing"
    )


def test_committed_files_name_no_registry_host_and_no_machine_path() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    hosts = re.compile(
        r"pypi\.org|pythonhosted|registry\.npmjs|--index-url|extra-index|find-links|/root/|/work/"
    )
    me = room(Path(__file__))
    named = []
    for name in tracked.decode().split("\0"):
        path = ROOT / name
        if not name or name == me or not path.is_file() or path.stat().st_size > 3_000_000:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        named += [f"{name}: {found.group()}" for found in [hosts.search(text)] if found]
    assert not named, "\n".join(named)
