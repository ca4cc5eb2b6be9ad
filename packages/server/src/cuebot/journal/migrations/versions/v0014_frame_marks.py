"""Checkpoints and display overrides of frames, subscribers and time limits of jobs, sums over the farm."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make their tables and columns; nothing of before has any of it."""
    op.create_table(
        "farm_sums",
        sa.Column("at_us", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "display_override",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("layer_id", sa.Text, nullable=False),
        sa.Column("frame_index", sa.BigInteger, nullable=False),
        sa.Column("state", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("color", sa.BigInteger, nullable=False),
    )

    with op.batch_alter_table("job") as job:
        job.add_column(sa.Column("subscribers", sa.Text, nullable=False, server_default="[]"))
        job.add_column(sa.Column("time_limit_minutes", sa.BigInteger, nullable=False, server_default="0"))
        job.add_column(sa.Column("time_limit_from_us", sa.BigInteger, nullable=False, server_default="0"))
    with op.batch_alter_table("job") as job:
        for name in ("subscribers", "time_limit_minutes", "time_limit_from_us"):
            job.alter_column(name, server_default=None)

    columns = (sa.Column("checkpoint", sa.SmallInteger, nullable=False, server_default="0"),
               sa.Column("checkpoints", sa.Integer, nullable=False, server_default="0"))  # fmt: skip
    with op.batch_alter_table("frame", recreate="always", table_kwargs={"sqlite_with_rowid": False}) as frame:
        frame.add_column(columns[0], insert_after="host_ends")
        frame.add_column(columns[1], insert_after="checkpoint")
    with op.batch_alter_table("frame", table_kwargs={"sqlite_with_rowid": False}) as frame:
        frame.alter_column("checkpoint", server_default=None)
        frame.alter_column("checkpoints", server_default=None)
