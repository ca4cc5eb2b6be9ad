"""Which attempt a run was, what was said of its end, and what its log was called; why a run is being killed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

KILLED = "1"


def upgrade() -> None:
    """Give runs, frames and procs columns for it; earlier runs are known only by how often they were charged."""
    with op.batch_alter_table("frame", recreate="always", table_kwargs={"sqlite_with_rowid": False}) as frame:
        frame.add_column(_number("attempts"), insert_after="used_cores")
        frame.add_column(_number("free_retries"), insert_after="attempts")
    op.execute("UPDATE frame SET attempts = retries + 1 WHERE start_us > 0")
    with op.batch_alter_table("frame", table_kwargs={"sqlite_with_rowid": False}) as frame:
        frame.alter_column("attempts", server_default=None)
        frame.alter_column("free_retries", server_default=None)
    with op.batch_alter_table("proc", recreate="auto", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.add_column(sa.Column("kill_cause", sa.BigInteger, nullable=False, server_default=KILLED))
    with op.batch_alter_table("proc", table_kwargs={"sqlite_with_rowid": False}) as proc:
        proc.alter_column("kill_cause", server_default=None)
    for (month,) in op.get_bind().execute(sa.text("SELECT month FROM history_month")).fetchall():
        with op.batch_alter_table(f"frame_run_{month}") as runs:
            runs.add_column(_number("attempt"))
            for name in ("message", "error_line", "log_name"):
                runs.add_column(sa.Column(name, sa.Text, nullable=False, server_default=""))
        with op.batch_alter_table(f"frame_run_{month}") as runs:
            for name in ("attempt", "message", "error_line", "log_name"):
                runs.alter_column(name, server_default=None)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")
