"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table("facility", _id(), _text("name"))
    op.create_table(
        "allocation", _id(), _text("name"), _text("tag"), _text("facility_id"), _flag("billable"), _flag("is_default")
    )
    op.create_table(
        "show",
        _id(),
        _text("name"),
        _int("created_us"),
        _flag("active"),
        _flag("booking_enabled"),
        _flag("dispatch_enabled"),
        _int("default_min_cores"),
        _int("default_max_cores"),
        _int("default_min_gpus"),
        _int("default_max_gpus"),
        _text("comment_email"),
        _int("jobs_created"),
        _int("frames_created"),
        _int("runs_succeeded"),
        _int("runs_failed"),
        _text("root_group_id"),
    )
    op.create_table(
        "group_",
        _id(),
        _text("name"),
        _text("show_id"),
        _text("parent_id", nullable=True),
        _text("department"),
        _int("min_cores"),
        _int("max_cores"),
        _int("min_gpus"),
        _int("max_gpus"),
        _int("default_job_priority"),
        _int("default_job_min_cores"),
        _int("default_job_max_cores"),
        _int("default_job_min_gpus"),
        _int("default_job_max_gpus"),
    )
    op.create_table("subscription", _id(), _text("show_id"), _text("allocation_id"), _int("size"), _int("burst"))
    op.create_table(
        "service",
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
    )
    op.create_table(
        "job",
        _id(),
        _text("name"),
        _text("show_id"),
        _text("group_id"),
        _text("facility_id"),
        _text("shot"),
        _text("user"),
        _text("log_dir"),
        _int("submitted_us"),
        _int("state"),
        _flag("paused"),
        _int("priority"),
        _int("max_retries"),
        _flag("auto_eat"),
        _int("min_cores"),
        _int("max_cores"),
        _int("min_gpus"),
        _int("max_gpus"),
        _int("uid", nullable=True),
        _text("email"),
        _text("os"),
        _text("env"),
        _int("stopped_us"),
        _text("parent_id", nullable=True),
    )
    op.create_table(
        "layer",
        _id(),
        _int("key"),
        _text("job_id"),
        _text("name"),
        _int("type"),
        _text("command"),
        _text("range_text"),
        _int("chunk"),
        _int("dispatch_order"),
        _int("min_cores"),
        _int("max_cores"),
        _flag("threadable"),
        _int("min_memory"),
        _text("tags"),
        _text("services"),
        _int("min_gpus"),
        _int("max_gpus"),
        _int("min_gpu_memory"),
        _int("timeout_minutes"),
        _int("timeout_llu_minutes"),
        _text("limits"),
        _text("env"),
        _text("outputs"),
        _int("max_retries", nullable=True),
        _flag("memory_optimizer"),
        _int("start_after_us"),
        _text("start_after_reason"),
        _int("first_start_us"),
        _int("last_stop_us"),
        _int("runs_succeeded"),
        _int("runs_failed"),
        _int("core_us_succeeded"),
        _int("core_us_failed"),
        _int("clock_us_succeeded"),
        _int("longest_us"),
        _int("shortest_us"),
        _int("max_rss"),
    )
    op.create_table(
        "depend",
        _id(),
        _int("type"),
        _text("er_job"),
        _text("on_job"),
        _text("er_layer", nullable=True),
        _int("er_frame", nullable=True),
        _text("on_layer", nullable=True),
        _int("on_frame", nullable=True),
        _flag("any_frame"),
        _flag("on_failure"),
        _flag("active"),
        _int("created_us"),
        _bytes("satisfied"),
        _text("waived"),
    )
    op.create_table(
        "host",
        _id(),
        _text("name"),
        _int("row"),
        _text("facility_id"),
        _text("allocation_id"),
        _int("created_us"),
        _int("state"),
        _int("lock"),
        _flag("nimby_enabled"),
        _int("thread_mode"),
        _text("os"),
        _int("cores"),
        _int("memory"),
        _int("gpus"),
        _int("gpu_memory"),
        _text("manual_tags"),
        _text("hardware_tags"),
        _int("boot_us"),
        _text("address"),
        _text("agent"),
        _text("instance"),
        _int("lease_us"),
        _flag("removed"),
    )
    op.create_table(
        "proc",
        _id(),
        _text("host_id"),
        _text("show_id"),
        _text("job_id"),
        _text("layer_id"),
        _int("frame_index"),
        _int("cores"),
        _int("memory"),
        _int("gpus"),
        _int("booked_us"),
        _int("on_end"),
        _text("kill_message"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "comment",
        _id(),
        _text("job_id", nullable=True),
        _text("host_id", nullable=True),
        _text("user"),
        _text("subject"),
        _text("message"),
        _int("created_us"),
    )
    op.create_table("request", _id(), _text("reply"), _int("answered_us"))
    op.create_table(
        "frame",
        sa.Column("layer_key", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("idx", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("exit_status", sa.Integer, nullable=False),
        _int("eligible_us"),
        _int("start_us"),
        _int("stop_us"),
        _int("updated_us"),
        _int("core_us"),
        _int("max_rss_kib"),
        sa.Column("last_host", sa.Integer, nullable=False),
        sa.Column("last_cores", sa.Integer, nullable=False),
        sa.Column("dispatch_order", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _int("epoch"),
        _int("last_seq"),
        _text("writer"),
    )
    op.create_table("history_month", sa.Column("month", sa.String(7), primary_key=True), _int("first_seq"))


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Text, primary_key=True)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _int(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=False)
