"""When a layer started follows from its frames: its row is not written for that any more."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Take the column away."""
    with op.batch_alter_table("layer", recreate="auto") as layer:
        layer.drop_column("first_start_us")
