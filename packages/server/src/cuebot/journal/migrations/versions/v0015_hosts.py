"""Redirects of runs' places, who owns hosts, and what is rendered on one's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the tables of redirects, owners, deeds and partitions, and let runs name their partition."""
    op.create_table(
        "redirect",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host_id", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text, nullable=True),
        sa.Column("group_id", sa.Text, nullable=True),
        sa.Column("cores", sa.BigInteger, nullable=False),
        sa.Column("memory", sa.BigInteger, nullable=False),
        sa.Column("gpus", sa.BigInteger, nullable=False),
        sa.Column("gpu_memory", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "owner",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("show_id", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deed",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host_id", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "partition",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host_id", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("layer_id", sa.Text, nullable=True),
        sa.Column("frame_index", sa.BigInteger, nullable=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("threads", sa.BigInteger, nullable=False),
        sa.Column("cores", sa.BigInteger, nullable=False),
        sa.Column("memory", sa.BigInteger, nullable=False),
        sa.Column("gpus", sa.BigInteger, nullable=False),
        sa.Column("gpu_memory", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    with op.batch_alter_table("proc", recreate="auto", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.add_column(sa.Column("partition_id", sa.Text, nullable=False, server_default=""))
    with op.batch_alter_table("proc", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.alter_column("partition_id", server_default=None)
