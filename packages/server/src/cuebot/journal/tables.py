"""The tables: one for each noun, whose columns are the noun's stored fields; frames; and the journal's own books.

A new column begins as a field of its noun (`domain/nouns`; of frames, `domain/frames.py: COLUMNS`).

The database has no logic: no triggers, no foreign keys, no defaults. Its rows are what a restart loads. A change here
needs a migration beside it; the history's monthly tables are in `months`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    func,
    literal_column,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

METADATA: Final = MetaData()


class JsonText(TypeDecorator[Any]):
    """Lists and dictionaries as JSON in a text column, readable in any SQL shell."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """A value as JSON text."""
        return to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """JSON text as a value; tuples come back as lists."""
        return None if value is None else msgspec.json.decode(value)


def to_json(value: Any) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _text(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, Text, nullable=optional)


def _int(name: str, *, optional: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=optional)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _json(name: str) -> Column[Any]:
    return Column(name, JsonText, nullable=False)


FACILITY: Final = Table("facility", METADATA, _id(), _text("name"))

ALLOCATION: Final = Table(
    "allocation",
    METADATA,
    _id(),
    _text("name"),
    _text("tag"),
    _text("facility_id"),
    _flag("billable"),
    _flag("is_default"),
)

SHOW: Final = Table(
    "show",
    METADATA,
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
    _flag("scheduler_managed"),
    _json("aliases"),
    _text("archived_name"),
)

GROUP: Final = Table(
    "group_",  # GROUP is a word of SQL
    METADATA,
    _id(),
    _text("name"),
    _text("show_id"),
    _text("parent_id", optional=True),
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

SUBSCRIPTION: Final = Table(
    "subscription", METADATA, _id(), _text("show_id"), _text("allocation_id"), _int("size"), _int("burst")
)


def _service_columns() -> tuple[Column[Any], ...]:
    return (
        _id(),
        _text("name"),
        _flag("threadable"),
        _int("min_cores"),
        _int("max_cores"),
        _int("min_memory"),
        _int("min_gpus"),
        _int("max_gpus"),
        _int("min_gpu_memory"),
        _json("tags"),
        _int("timeout_minutes"),
        _int("timeout_llu_minutes"),
        _int("min_memory_increase"),
    )


SERVICE: Final = Table("service", METADATA, *_service_columns())

SERVICE_OVERRIDE: Final = Table("service_override", METADATA, *_service_columns(), _text("show_id"))

FILTER: Final = Table(
    "filter_",  # FILTER is a word of SQL
    METADATA,
    _id(),
    _text("show_id"),
    _text("name"),
    _int("order"),
    _int("type"),
    _flag("enabled"),
    _json("matchers"),
    _json("actions"),
)

DEPARTMENT_NAME: Final = Table("department_name", METADATA, _id(), _text("name"))

DEPARTMENT: Final = Table(
    "department",
    METADATA,
    _id(),
    _text("show_id"),
    _text("name"),
    _flag("ti_managed"),
    _text("ti_task"),
    _int("min_cores"),
)

TASK: Final = Table(
    "task", METADATA, _id(), _text("department_id"), _text("shot"), _int("min_cores"), _int("adjust_cores")
)

LIMIT: Final = Table(
    "limit_",  # LIMIT is a word of SQL
    METADATA,
    _id(),
    _text("name"),
    _int("max_value"),
    _flag("per_host"),
    _int("enforcement"),
    _int("soft_value"),
    _int("report_ttl_s"),
    _int("exit_status"),
    _int("delay_minutes"),
    _flag("auto_tag"),
    _int("captured_us"),
    _int("received_us"),
    _int("since_us"),
    _text("report_source"),
    _int("licences"),
    _int("tokens"),
    _json("holders"),
)

JOB: Final = Table(
    "job",
    METADATA,
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
    _int("uid", optional=True),
    _text("email"),
    _text("os"),
    _json("env"),
    _int("stopped_us"),
    _text("parent_id", optional=True),
    _text("specification_id"),
    _flag("superseded"),
    _json("subscribers"),
    _int("time_limit_minutes"),
    _int("time_limit_from_us"),
    _json("filtered"),
)

LAYER: Final = Table(
    "layer",
    METADATA,
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
    _json("tags"),
    _json("services"),
    _int("min_gpus"),
    _int("max_gpus"),
    _int("min_gpu_memory"),
    _int("timeout_minutes"),
    _int("timeout_llu_minutes"),
    _json("limits"),
    _json("env"),
    _json("outputs"),
    _int("max_retries", optional=True),
    _flag("memory_optimizer"),
    _int("start_after_us"),
    _text("start_after_reason"),
    _int("last_stop_us"),
    _int("runs_succeeded"),
    _int("runs_failed"),
    _int("core_us_succeeded"),
    _int("core_us_failed"),
    _int("clock_us_succeeded"),
    _int("longest_us"),
    _int("shortest_us"),
    _int("max_rss"),
    _json("bindings"),
)

DEPEND: Final = Table(
    "depend",
    METADATA,
    _id(),
    _int("type"),
    _text("er_job"),
    _text("on_job"),
    _text("er_layer", optional=True),
    _int("er_frame", optional=True),
    _text("on_layer", optional=True),
    _int("on_frame", optional=True),
    _flag("any_frame"),
    _flag("on_failure"),
    _flag("active"),
    _int("created_us"),
    Column("satisfied", LargeBinary, nullable=False),
    _json("waived"),
)

HOST: Final = Table(
    "host",
    METADATA,
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
    _json("os"),
    _int("cores"),
    _int("memory"),
    _int("gpus"),
    _int("gpu_memory"),
    _json("manual_tags"),
    _json("hardware_tags"),
    _int("boot_us"),
    _text("address"),
    _text("agent"),
    _text("instance"),
    _int("lease_us"),
    _flag("removed"),
    _flag("stopped"),
)

PROC: Final = Table(
    "proc",
    METADATA,
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
    _int("gpu_memory"),
    _int("kill_cause"),
    _flag("alone"),
    _text("partition_id"),
    sqlite_with_rowid=False,  # comes and goes with every run: one tree to change, not two
)

REDIRECT: Final = Table(
    "redirect",
    METADATA,
    _id(),
    _text("host_id"),
    _text("job_id", optional=True),
    _text("group_id", optional=True),
    _int("cores"),
    _int("memory"),
    _int("gpus"),
    _int("gpu_memory"),
    _int("created_us"),
    _int("until_us"),
)

OWNER: Final = Table("owner", METADATA, _id(), _text("name"), _text("show_id"), _int("created_us"))

DEED: Final = Table("deed", METADATA, _id(), _text("host_id"), _text("owner_id"), _int("created_us"))

PARTITION: Final = Table(
    "partition",
    METADATA,
    _id(),
    _text("host_id"),
    _text("job_id"),
    _text("layer_id", optional=True),
    _int("frame_index", optional=True),
    _text("user"),
    _int("threads"),
    _int("cores"),
    _int("memory"),
    _int("gpus"),
    _int("gpu_memory"),
    _int("created_us"),
)

COMMENT: Final = Table(
    "comment",
    METADATA,
    _id(),
    _text("job_id", optional=True),
    _text("host_id", optional=True),
    _text("user"),
    _text("subject"),
    _text("message"),
    _int("created_us"),
)

DISPLAY_OVERRIDE: Final = Table(
    "display_override",
    METADATA,
    _id(),
    _text("layer_id"),
    _int("frame_index"),
    _int("state"),
    _text("text"),
    _int("color"),
)

REQUEST: Final = Table("request", METADATA, _id(), _json("reply"), _int("answered_us"))

FRAME: Final = Table(
    "frame",
    METADATA,
    Column("layer_key", Integer, primary_key=True, autoincrement=False),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("state", SmallInteger, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("exit_status", Integer, nullable=False),
    _int("eligible_us"),
    _int("start_us"),
    _int("stop_us"),
    _int("updated_us"),
    _int("core_us"),
    _int("max_rss_kib"),
    Column("last_host", Integer, nullable=False),
    Column("last_cores", Integer, nullable=False),
    Column("used_cores", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("free_retries", Integer, nullable=False),
    Column("host_ends", SmallInteger, nullable=False),
    Column("checkpoint", SmallInteger, nullable=False),
    Column("checkpoints", Integer, nullable=False),
    Column("dispatch_order", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Frames that left their layer's initial state. `last_host` is a host's `row`; `layer_key` is a layer's `key`."""

ARCHIVED_JOB: Final = Table(
    "archived_job",
    METADATA,
    _id(),
    _text("name"),
    _text("show_id"),
    _text("shot"),
    _text("user"),
    _int("submitted_us"),
    _int("stopped_us"),
    _text("specification_id"),
    Column("summary", LargeBinary, nullable=False),
    Column("rest", LargeBinary, nullable=False),
    Index("archived_job_by_end", "stopped_us", "id", "name", "shot"),  # all that is looked for job by job
    Index("archived_job_by_user", "user", "stopped_us"),
    Index("archived_job_by_show", "show_id", "stopped_us"),
)
"""Finished jobs that are not in memory, one row each with all that is theirs (`domain.archive`)."""


def folded_name(name: ColumnElement[str]) -> ColumnElement[str]:
    """A name as jobs are found by it (`domain.names.folded`), in SQL as it stands in the index."""
    return func.lower(func.replace(name, literal_column("'-'"), literal_column("'_'")))


Index("archived_job_by_name", folded_name(ARCHIVED_JOB.c.name))

ARCHIVED_PART: Final = Table(
    "archived_part", METADATA, _id(), Column("job_id", Text, nullable=False, index=True), sqlite_with_rowid=False
)
"""Layers, depends and comments of archived jobs: who has the id of one finds its job."""

SPECIFICATION: Final = Table("specification", METADATA, _id(), Column("text", LargeBinary, nullable=False))
"""What jobs were submitted with, compressed (zlib); the id is that of the first job of a submission."""

FARM_SUMS: Final = Table(
    "farm_sums",
    METADATA,
    Column("at_us", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)
"""What the farm came to at a moment (`queries.farm_sums`), as JSON."""

JOURNAL: Final = Table(
    "journal",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _int("epoch"),
    _int("last_seq"),
    _text("writer"),
    _text("farm_id"),
    _int("history_epoch"),
)
"""One row: which writer may commit (each one that opens the journal counts `epoch` up), and how far history goes.

`farm_id` is a UUID that a copy shares with its original; `history_epoch` the epoch since which history has only grown:
a copy that is put back begins another, so that a place in what it replaced is told from one in it.
"""

HISTORY_MONTH: Final = Table("history_month", METADATA, Column("month", String(7), primary_key=True), _int("first_seq"))
"""The months that have tables of history, such as `2026_11`, and the first event in each."""

ALEMBIC_VERSION: Final = Table("alembic_version", METADATA, Column("version_num", String(32), primary_key=True))
"""Alembic's own: the schema's revision."""

TABLES: Final[dict[str, Table]] = {
    "facility": FACILITY,
    "allocation": ALLOCATION,
    "show": SHOW,
    "group": GROUP,
    "subscription": SUBSCRIPTION,
    "service": SERVICE,
    "service_override": SERVICE_OVERRIDE,
    "filter": FILTER,
    "department_name": DEPARTMENT_NAME,
    "department": DEPARTMENT,
    "task": TASK,
    "limit": LIMIT,
    "job": JOB,
    "layer": LAYER,
    "depend": DEPEND,
    "host": HOST,
    "proc": PROC,
    "redirect": REDIRECT,
    "owner": OWNER,
    "deed": DEED,
    "partition": PARTITION,
    "comment": COMMENT,
    "request": REQUEST,
    "display_override": DISPLAY_OVERRIDE,
}
"""The table of each kind of `domain.nouns.NOUNS`."""
