"""Limits on licences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of limits."""
    op.create_table(
        "limit_",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("max_value", sa.BigInteger, nullable=False),
        sa.Column("per_host", sa.Boolean, nullable=False),
    )
