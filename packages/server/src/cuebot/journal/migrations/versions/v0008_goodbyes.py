"""Whether the agent of a host has said that it was told to stop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Give hosts a column for it; which of those that are down had said goodbye nobody knows."""
    with op.batch_alter_table("host") as host:
        host.add_column(sa.Column("stopped", sa.Boolean, nullable=False, server_default=sa.false()))
    with op.batch_alter_table("host") as host:
        host.alter_column("stopped", server_default=None)
