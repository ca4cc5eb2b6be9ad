"""Limits that are advisory, soft, reported from outside or learned from failures; where a layer's limits come from."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_OF_LIMITS = {"enforcement": 0, "soft_value": -1, "report_ttl_s": 900, "exit_status": 0, "delay_minutes": 0}
_OF_REPORTS = ("captured_us", "received_us", "since_us", "licences", "tokens")


def upgrade() -> None:
    """Every limit goes on as it was: enforced, without a report and without a rule for failures."""
    columns: list[sa.Column[Any]] = [
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default=str(v)) for name, v in _OF_LIMITS.items()),
        sa.Column("auto_tag", sa.Boolean, nullable=False, server_default=sa.true()),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _OF_REPORTS[:3]),
        sa.Column("report_source", sa.Text, nullable=False, server_default=""),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _OF_REPORTS[3:]),
        sa.Column("holders", sa.Text, nullable=False, server_default="{}"),
    ]
    with op.batch_alter_table("limit_") as limit:
        for column in columns:
            limit.add_column(column)
    with op.batch_alter_table("limit_") as limit:
        for column in columns:
            limit.alter_column(column.name, server_default=None)

    with op.batch_alter_table("layer") as layer:
        layer.add_column(sa.Column("bindings", sa.Text, nullable=False, server_default="{}"))
    with op.batch_alter_table("layer") as layer:
        layer.alter_column("bindings", server_default=None)
