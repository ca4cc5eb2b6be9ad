"""What runs hold of their hosts' GPU memory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Give runs a column for it; those of older versions were not counted and hold none."""
    with op.batch_alter_table("proc", recreate="auto", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.add_column(sa.Column("gpu_memory", sa.BigInteger, nullable=False, server_default="0"))
    with op.batch_alter_table("proc", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.alter_column("gpu_memory", server_default=None)
