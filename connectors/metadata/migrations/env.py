"""Run by Alembic, inside the transaction that `connectors.metadata.migrating` has opened."""

from __future__ import annotations

from alembic import context

from connectors.metadata.schema import SCHEMA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=SCHEMA, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
