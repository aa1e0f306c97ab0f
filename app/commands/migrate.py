"""`./headway migrate`: both databases brought to this program's schema. Nothing is dropped."""

from __future__ import annotations

from pathlib import Path

import click

from app.commands.options import PLACE


@click.command(short_help="Bring both databases to this program's schema.")
@click.option("--data", type=PLACE, help="Folder of the school; .headway/demo without it.")
def command(data: Path | None) -> None:
    """Bring both databases forward. A database of a newer program is refused and left as it is.

    Starting Headway does the same; this is for doing it before.
    """
    from app.commands.choosing import school_settings
    from connectors.metadata import metadata_of
    from connectors.warehouse import open_warehouse

    settings = school_settings(data)
    settings.data.mkdir(parents=True, exist_ok=True)
    with metadata_of(settings) as metadata:
        metadata.migrate()
    click.echo("metadata: up to date")
    warehouse = open_warehouse(settings.warehouse)
    try:
        warehouse.migrate()
    finally:
        warehouse.close()
    click.echo("warehouse: up to date")
