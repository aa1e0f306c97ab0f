from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from compute.rollups import DELTAS
from connectors.metadata import Metadata
from connectors.warehouse import Warehouse, open_warehouse
from tests.hill import Clock, open_school
from tests.school import filled_school, known_school, small_school  # noqa: F401  fixtures for all
from tests.servers import start_postgres

_databases = count(1)

# A busy machine breaks no property: nothing here is judged by how long it takes.
settings.register_profile(
    "unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Postgres of this test run, with a gap for the database."""
    server = start_postgres(tmp_path_factory.mktemp("pg"))
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Survives a killed process all the same; a pulled plug is not what these tests are about.
        for setting in (
            "fsync = off",
            "full_page_writes = off",
            "synchronous_commit = off",
            "max_wal_size = '8GB'",
        ):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server.get_uri().replace("/postgres?", "/{database}?")
    finally:
        # Without a last checkpoint: hundreds of databases that nobody will read again.
        postmaster = server.get_postmaster_info().process
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(20)
        server.cleanup()


@pytest.fixture
def new_database(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database at each call and gives its address."""

    def make() -> str:
        name = f"t{next(_databases)}"
        with psycopg.connect(postgres_server.format(database="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return postgres_server.format(database=name)

    return make


@pytest.fixture
def postgres_address(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "duckdb":
        return str(tmp_path / "warehouse.duckdb")
    address: str = request.getfixturevalue("postgres_address")
    return address


@pytest.fixture
def engine(warehouse_address: str) -> Iterator[Warehouse]:
    """A migrated, empty warehouse: DuckDB, then Postgres."""
    warehouse = open_warehouse(warehouse_address, DELTAS)
    warehouse.migrate()
    yield warehouse
    warehouse.close()


@pytest.fixture(params=["duckdb", "postgres"])
def fresh_engine(request: pytest.FixtureRequest) -> Iterator[Callable[[], Warehouse]]:
    """Makes a migrated, empty warehouse at each call, for tests that try many examples."""
    opened: list[Warehouse] = []

    def make() -> Warehouse:
        for before in opened:
            before.close()
        address = ":memory:" if request.param == "duckdb" else request.getfixturevalue("new_database")()
        opened[:] = [open_warehouse(address, DELTAS)]
        opened[0].migrate()
        return opened[0]

    yield make
    for last in opened:
        last.close()


@pytest.fixture(params=["sqlite", "postgres"])
def metadata_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "metadata.sqlite")
    address: str = request.getfixturevalue("postgres_address")
    return address


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metadata(metadata_address: str, tmp_path: Path, clock: Clock) -> Iterator[Metadata]:
    """A migrated, empty metadata database: SQLite, then Postgres."""
    with open_school(metadata_address, tmp_path, clock) as opened:
        opened.migrate()
        yield opened
