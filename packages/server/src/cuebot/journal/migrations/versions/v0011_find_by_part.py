"""Parts of the names of finished jobs, and shots, are looked for in an index and not in all rows."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the index anew that is in the order in which jobs ended, with what is looked for."""
    op.drop_index("archived_job_by_end", "archived_job")
    op.create_index("archived_job_by_end", "archived_job", ["stopped_us", "id", "name", "shot"])
