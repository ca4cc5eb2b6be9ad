"""What cores frames kept busy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Give frames a column for it, in its place among the others; of those that ran before nobody knows."""
    with op.batch_alter_table("frame", recreate="always", table_kwargs={"sqlite_with_rowid": False}) as frame:
        frame.add_column(
            sa.Column("used_cores", sa.Integer, nullable=False, server_default="0"), insert_after="last_cores"
        )
    with op.batch_alter_table("frame", table_kwargs={"sqlite_with_rowid": False}) as frame:
        frame.alter_column("used_cores", server_default=None)
