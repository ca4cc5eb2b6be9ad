"""What whoever runs the farm may choose, besides what bounds what comes in (`domain.bounds`).

Each has a key of its name in `cuefarm.toml`, which `app/config.py` reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cuebot.domain.bounds import LOG_FOLDER_BYTES, Bounds, bound
from cuebot.domain.names import is_mail_address
from cuebot.domain.units import HOUR, MINUTE, SECOND, Micros

_YEAR: Final = Micros(365 * 24 * HOUR)


def _duration(default: int, *, least: int = SECOND, most: int = _YEAR) -> Micros:
    """A duration of `Settings` in microseconds, and between what it may be chosen."""
    return field(default=Micros(default), metadata={"least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What whoever runs the farm may choose. Durations in microseconds."""

    log_root: str = "/shots"
    """Frame logs lie under LOG_ROOT/SHOW/SHOT/logs/JOB--ID."""
    default_facility: str = "local"
    """Of jobs that name none."""
    mail_host: str | None = None
    """The mail server for mail of jobs that ended, HOST or HOST:PORT, without TLS; without one no mail is sent."""
    mail_from: str | None = None
    """Whom such mail is from; otherwise cuefarm@ and the name of this machine."""
    host_silent_us: Micros = _duration(5 * MINUTE, least=30 * SECOND)
    """A host that has said nothing for so long is DOWN, and without a lease its runs are given up."""
    lease_margin_us: Micros = _duration(MINUTE)
    """How long after our agent has suspended a run the server gives it up."""
    name_held_us: Micros = _duration(30 * SECOND, least=15 * SECOND)
    """An agent that was heard so lately keeps its host's name against any other: it reports every 12 s at least."""
    missing_run_us: Micros = _duration(MINUTE, least=30 * SECOND)
    """A run that its host does not name so long after it was booked never arrived. No message is late by as much: a
    launch without an answer is over after this."""
    kill_again_us: Micros = _duration(15 * SECOND)
    """A run that was to be killed and goes on is killed again so often."""
    stood_still_us: Micros = _duration(20 * SECOND, least=10 * SECOND)
    """A server that looks for silent hosts so long after the time before has stood still, and could not hear them."""
    avoided_us: Micros = _duration(30 * MINUTE, least=0)
    """How long frames of a layer keep off a host where one of them failed."""
    quarantine_us: Micros = _duration(5 * MINUTE, least=0)
    """How long a host gets nothing after frames of several jobs failed there in a row; twice that for each job more."""
    quarantine_max_us: Micros = _duration(60 * MINUTE, least=0)
    """The longest of these."""
    reservation_patience_us: Micros = _duration(2 * MINUTE, least=0)
    """How long a frame that wants most of a host, or an idle one, waits before a host is reserved for it."""
    finished_in_memory_us: Micros = _duration(60 * MINUTE, least=0)
    """A finished job that nobody has asked for this long leaves memory; it is found on disk."""
    finished_jobs_in_memory: int = bound(2_000, least=0)
    """So many finished jobs stay in memory at most, the youngest."""
    finished_jobs_kept: int = bound(0, least=0)
    """So many finished jobs are kept on disk, the youngest; 0 keeps all."""
    finished_jobs_kept_days: int = bound(0, least=0)
    """How long a finished job is kept on disk; 0 keeps it for ever."""
    history_kept_months: int = bound(0, least=0)
    """How many months of events and ended runs are kept, besides the one that is not over; 0 keeps all."""
    farm_sums_us: Micros = _duration(10 * MINUTE, least=MINUTE)
    """How often sums over the farm are kept for its history; they go with events and ended runs."""
    frame_start_us: Micros = _duration(120 * SECOND)
    """A run that is no process so long after its launch is given back."""
    memory_retries: int = bound(3, least=0, most=100)
    """Tries that a frame gets beyond its own after it ran out of memory, each with more of it."""
    limit_settle_us: Micros = _duration(2 * MINUTE, least=0)
    """How long a licence may take to be seen by whoever reports a limit's use: runs that began so shortly before a
    report count although it does not name their host."""
    limit_report_interval_us: Micros = _duration(5 * SECOND, least=0)
    """Reports of one limit's use that come faster are skipped."""
    checkpoint_us: Micros = _duration(5 * MINUTE)
    """A frame that ended while its checkpoint was made, and that nobody resumes, waits again after so long."""
    browser_link_us: Micros = _duration(5 * MINUTE)
    """How long a link that `cuefarm open` prints may be used."""
    browser_session_us: Micros = _duration(12 * HOUR)
    """How long a browser is known."""


DEFAULT_SETTINGS = Settings()
"""What holds where nobody set anything else."""


def contradictions(settings: Settings, bounds: Bounds) -> Iterator[str]:
    """Values that are possible by themselves and not together, each said with what to change."""
    if any(character.isspace() for character in settings.mail_host or ""):
        yield "mail_host is no HOST or HOST:PORT; write one mail server without blanks"
    if settings.mail_from and not is_mail_address(settings.mail_from):
        yield "mail_from is no mail address; write USER@DOMAIN"
    if settings.quarantine_us > settings.quarantine_max_us:
        yield "quarantine is longer than quarantine_max; raise quarantine_max"
    if bounds.job_name_bytes + LOG_FOLDER_BYTES > bounds.file_name_bytes:
        most = bounds.file_name_bytes - LOG_FOLDER_BYTES
        yield f"job_name_bytes leaves no room for the job's id in file_name_bytes; lower job_name_bytes to {most}"
    if bounds.agent_streams > bounds.concurrent_calls:
        yield "agent_streams are more calls than concurrent_calls; raise concurrent_calls"
    for name in ("list_reply_bytes", "log_read_bytes"):
        if getattr(bounds, name) > bounds.reply_bytes:
            yield f"{name} is more than reply_bytes, so such a reply could not be sent; raise reply_bytes"
