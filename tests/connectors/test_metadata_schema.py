from __future__ import annotations

import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from connectors.metadata import Metadata, open_metadata
from connectors.metadata.schema import SCHEMA
from models.errors import BadSettings, NewerSchema, Unavailable
from tests.hill import SECRET, found


def test_the_migrations_make_exactly_the_declared_tables(metadata: Metadata) -> None:
    with metadata._store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SCHEMA) == []


def test_migrating_again_changes_and_drops_nothing(metadata: Metadata) -> None:
    school = found(metadata)
    before = metadata.people.all()
    metadata.migrate()
    assert metadata.people.all() == before
    assert metadata.organisations.get(school.id).zone == "Europe/Berlin"


def test_a_newer_schema_is_refused(metadata: Metadata) -> None:
    with metadata._store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerSchema, match="newer"):
        metadata.migrate()


def test_a_failed_migration_leaves_the_database_as_it_was(
    metadata_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the machine stopped here")

    with open_metadata(metadata_address, SECRET) as metadata:
        monkeypatch.setattr("connectors.metadata.migrating._mark", fail)
        with pytest.raises(RuntimeError):
            metadata.migrate()
        with metadata._store.read() as connection:
            assert inspect(connection).get_table_names() == []
        monkeypatch.undo()
        metadata.migrate()


def test_a_database_that_is_away_is_said_in_one_sentence() -> None:
    for address in ("postgresql://me:sesame@127.0.0.1:9/none", "/proc/nowhere/metadata.sqlite"):
        with pytest.raises(Unavailable) as away, open_metadata(address, SECRET) as metadata:
            metadata.migrate()
        assert "sesame" not in away.value.detail and "\n" not in away.value.detail


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BadSettings, match="HEADWAY_METADATA"):
        open_metadata("://", SECRET)


def test_the_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    with open_metadata(str(tmp_path / "deep" / "m.sqlite"), SECRET) as metadata:
        metadata.migrate()
    assert stat.S_IMODE((tmp_path / "deep" / "m.sqlite").stat().st_mode) == 0o600
