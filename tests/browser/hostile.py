"""A school whose every name would like to be a program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
from sqlalchemy import update

from compute.rollups import DELTAS
from config.settings import read_settings
from connectors.metadata import metadata_of
from connectors.metadata.keys import seal
from connectors.metadata.people import _WITH_KEY
from connectors.metadata.schema import PEOPLE
from connectors.warehouse import open_warehouse
from models.tables import TABLE

RUNS = "window.hostile=1"
NAMES = (
    f'<img src=x onerror="{RUNS}">',
    f"javascript:{RUNS}//",
    f"<script>{RUNS}</script>",
    f'"><svg onload={RUNS}>',
    f"{{{{constructor.constructor('{RUNS}')()}}}}{{{{7*191}}}}${{7*191}}",
    f"</script><script>{RUNS}</script>",
    f"' autofocus onfocus={RUNS} x='",
)
TEMPLATE = "1337"  # what 7*191 is, if anybody works it out
TITLED = (
    ("course", "title"),
    ("course", "subject"),
    ("lesson", "title"),
    ("class", "title"),
    ("assessment", "title"),
    ("skill", "title"),
    ("organisation", "name"),
)


def name(number: int) -> str:
    return f"{NAMES[number % len(NAMES)]} {number}"


def spoil(data: Path, own: Path) -> None:
    """A copy of the school, with the same events under other names."""
    shutil.copytree(data, own, ignore=shutil.ignore_patterns("lock", "*.log", "*.sock"))
    settings = read_settings({}, demo=True, data=own)
    warehouse = open_warehouse(settings.warehouse, DELTAS)
    for table in dict.fromkeys(one for one, _ in TITLED):
        if table not in TABLE:
            continue
        rows = warehouse.fetch(TABLE[table].unbound)
        for column in [c for one, c in TITLED if one == table and c in rows.column_names]:
            named = pa.array([name(n) for n in range(rows.num_rows)])
            rows = rows.set_column(rows.schema.get_field_index(column), column, named)
        warehouse.write(table, rows)
    warehouse.close()
    _rename(own)


def _rename(own: Path) -> None:
    import json

    with metadata_of(read_settings({}, demo=True, data=own)) as metadata:
        people = metadata.people
        with people._store.read() as connection:
            rows = connection.execute(_WITH_KEY).all()
        with people._store.write() as connection:
            for number, row in enumerate(rows):
                said = {**people._personal(row), "name": name(number)}
                key = people._keys.unwrap(bytes(row.wrapped), row.id.encode())
                sealed = seal(key, json.dumps(said).encode(), row.id.encode())
                connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(sealed=sealed))
            people._store.bump(connection)
