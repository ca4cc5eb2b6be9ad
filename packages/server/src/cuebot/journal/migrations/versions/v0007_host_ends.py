"""How many runs of a frame ended with their host, and which runs have a host to themselves because of that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Give frames and procs a column for it; of what was before nothing is counted."""
    with op.batch_alter_table("frame", recreate="always", table_kwargs={"sqlite_with_rowid": False}) as frame:
        column = sa.Column("host_ends", sa.SmallInteger, nullable=False, server_default="0")
        frame.add_column(column, insert_after="free_retries")
    with op.batch_alter_table("frame", table_kwargs={"sqlite_with_rowid": False}) as frame:
        frame.alter_column("host_ends", server_default=None)
    with op.batch_alter_table("proc", recreate="auto", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.add_column(sa.Column("alone", sa.Boolean, nullable=False, server_default=sa.false()))
    with op.batch_alter_table("proc", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.alter_column("alone", server_default=None)
