"""Finished jobs that are not in memory, and what jobs were submitted with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make their tables; of jobs that are there already nobody knows what they were submitted with."""
    op.create_table(
        "archived_job",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("show_id", sa.Text, nullable=False),
        sa.Column("shot", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("submitted_us", sa.BigInteger, nullable=False),
        sa.Column("stopped_us", sa.BigInteger, nullable=False),
        sa.Column("specification_id", sa.Text, nullable=False),
        sa.Column("summary", sa.LargeBinary, nullable=False),
        sa.Column("rest", sa.LargeBinary, nullable=False),
    )
    op.create_index("archived_job_by_end", "archived_job", ["stopped_us", "id"])
    op.create_index("archived_job_by_name", "archived_job", ["name"])
    op.create_index("archived_job_by_user", "archived_job", ["user", "stopped_us"])
    op.create_index("archived_job_by_show", "archived_job", ["show_id", "stopped_us"])

    op.create_table(
        "archived_part",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("job_id", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_archived_part_job_id", "archived_part", ["job_id"])

    op.create_table(
        "specification",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("text", sa.LargeBinary, nullable=False),
    )

    with op.batch_alter_table("job") as job:
        job.add_column(sa.Column("specification_id", sa.Text, nullable=False, server_default=""))
        job.add_column(sa.Column("superseded", sa.Boolean, nullable=False, server_default=sa.false()))
    with op.batch_alter_table("job") as job:
        job.alter_column("specification_id", server_default=None)
        job.alter_column("superseded", server_default=None)
