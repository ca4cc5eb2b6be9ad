"""Finished jobs are found by their names in any spelling."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the index of names anew, of names as they are found."""
    op.drop_index("archived_job_by_name", "archived_job")
    op.create_index("archived_job_by_name", "archived_job", [text("lower(replace(name, '-', '_'))")])
