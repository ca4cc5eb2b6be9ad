"""Runs migrations on the connection that `journal.migrate` hands over, within its transaction."""

from __future__ import annotations

from alembic import context

from cuebot.journal.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
