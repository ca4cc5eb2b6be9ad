"""Which farm's history this is, and since when it has only grown: what a reader's place in it is compared with."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Give the journal columns for it. Nobody has a place in the history of a farm that had no id."""
    with op.batch_alter_table("journal") as journal:
        journal.add_column(sa.Column("farm_id", sa.Text, nullable=False, server_default=""))
        journal.add_column(sa.Column("history_epoch", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(sa.text("UPDATE journal SET farm_id = :id, history_epoch = epoch").bindparams(id=str(uuid.uuid4())))
    with op.batch_alter_table("journal") as journal:
        journal.alter_column("farm_id", server_default=None)
        journal.alter_column("history_epoch", server_default=None)
