"""Filters, service overrides, departments with their tasks, and shows that are archived."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_NAMES = ("Lighting", "Animation", "Hair", "Cloth", "Layout", "FX", "Pipeline", "Unknown")


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def upgrade() -> None:
    """Make their tables and columns; each show has the departments of its groups, and a farm the usual names."""
    op.create_table(
        "service_override",
        _id(),
        _text("name"),
        _flag("threadable"),
        _int("min_cores"),
        _int("max_cores"),
        _int("min_memory"),
        _int("min_gpus"),
        _int("max_gpus"),
        _int("min_gpu_memory"),
        _text("tags"),
        _int("timeout_minutes"),
        _int("timeout_llu_minutes"),
        _int("min_memory_increase"),
        _text("show_id"),
    )
    op.create_table(
        "filter_",
        _id(),
        _text("show_id"),
        _text("name"),
        _int("order"),
        _int("type"),
        _flag("enabled"),
        _text("matchers"),
        _text("actions"),
    )
    op.create_table("department_name", _id(), _text("name"))
    op.create_table(
        "department", _id(), _text("show_id"), _text("name"), _flag("ti_managed"), _text("ti_task"), _int("min_cores")
    )
    op.create_table("task", _id(), _text("department_id"), _text("shot"), _int("min_cores"), _int("adjust_cores"))
    _fill()

    with op.batch_alter_table("show") as show:
        show.add_column(sa.Column("scheduler_managed", sa.Boolean, nullable=False, server_default=sa.false()))
        show.add_column(sa.Column("aliases", sa.Text, nullable=False, server_default="[]"))
        show.add_column(sa.Column("archived_name", sa.Text, nullable=False, server_default=""))
    with op.batch_alter_table("show") as show:
        show.alter_column("scheduler_managed", server_default=None)
        show.alter_column("aliases", server_default=None)
        show.alter_column("archived_name", server_default=None)
    with op.batch_alter_table("job") as job:
        job.add_column(sa.Column("filtered", sa.Text, nullable=False, server_default="[]"))
    with op.batch_alter_table("job") as job:
        job.alter_column("filtered", server_default=None)


def _fill() -> None:
    """An empty database is filled by the server's first start."""
    connection = op.get_bind()
    used = connection.execute(sa.text("SELECT DISTINCT show_id, department FROM group_")).all()
    if not used:
        return
    add = sa.text(
        "INSERT INTO department (id, show_id, name, ti_managed, ti_task, min_cores)"
        " VALUES (:id, :show, :name, :managed, '', 0)"
    )
    for show_id, name in used:
        connection.execute(add, {"id": str(uuid.uuid4()), "show": show_id, "name": name, "managed": False})
    add = sa.text("INSERT INTO department_name (id, name) VALUES (:id, :name)")
    for name in sorted({*_NAMES, *(name for _, name in used)}):
        connection.execute(add, {"id": str(uuid.uuid4()), "name": name})
