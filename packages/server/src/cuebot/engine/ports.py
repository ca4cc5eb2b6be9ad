"""What the engine needs from outside, as Protocols; adapters and the simulator satisfy them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple, Protocol

from cuebot.domain.archive import PackedJob
from cuebot.domain.commands import Envelope
from cuebot.domain.events import Event
from cuebot.domain.states import Cause, FrameState
from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.engine.farm_rows import Rows
from cuebot.engine.requests import Address, KillRequest, LaunchRequest, LimitsRequest


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in history."""

    seq: int
    at_us: int
    envelope: Envelope
    event: Event


@dataclass(slots=True)
class Batch:
    """What one commit makes durable: the rows that changed, and the events that changed them."""

    rows: Rows
    events: list[Recorded]
    specifications: dict[str, bytes] = field(default_factory=dict)
    """What jobs were submitted with, compressed (zlib), by `Job.specification_id`."""


class JournalError(Exception):
    """A commit did not happen, or nobody knows whether it did. The same batch may be committed again."""


class JournalSuperseded(JournalError):
    """Somebody else writes the journal now, so what is in memory is no longer the truth. Trying again never helps."""


class Journal(Protocol):
    """Where the farm is durable."""

    async def commit(self, batch: Batch) -> None:
        """Make a batch durable, all of it or nothing; a batch committed before is no error. Raises JournalError.

        After a JournalError the same batch may be committed again; after a JournalSuperseded the server must end.
        """

    async def probe(self) -> None:
        """Ask the database for an answer, changing nothing. Raises what `commit` raises, for the same reasons."""

    def load(self) -> tuple[Rows, int]:
        """All rows, and the sequence number of the last event."""


@dataclass(frozen=True, slots=True)
class EndedRun:
    """One execution of a frame that is over."""

    seq: int
    run_id: str
    job_id: str
    layer_id: str
    frame_index: int
    frame_number: int
    host_id: str
    booked_us: Micros
    ended_us: Micros
    run_us: Micros
    cores: CoreUnits
    memory: KiB
    max_rss: KiB
    exit_status: int
    exit_signal: int
    cause: Cause
    state: FrameState | None
    """What became of the frame; None where it kept the state that it had."""
    attempt: int
    """Which run of the frame it was, the first is 1; 0 where an older version ran it."""
    message: str
    """What server or agent had to say of its end; may be empty."""
    error_line: str
    """The line of its log that says best what went wrong; empty where none was found."""
    log_name: str
    """Name of its log file where that is not `JOB.FRAME.rqlog`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which ended runs are asked for: those of a job that fit every other field that is given."""

    job_id: str
    layer_id: str = ""
    frame_index: int | None = None
    """Of the layer that is named, too."""
    run_id: str = ""
    attempt: int = 0
    causes: frozenset[Cause] = frozenset()
    states: frozenset[FrameState] = frozenset()
    """What became of the frame."""
    unsuccessful: bool = False
    """Leave out those after which the frame had succeeded."""
    ended_since_us: int = 0
    before_seq: int = 0
    """Only older ones: the `seq` of the last one of the page before; 0 begins with the newest."""


class RunHistory(Protocol):
    """Ended runs that are on disk. May take its time and be used from any thread, never on the engine's loop."""

    def runs(self, query: RunQuery, limit: int) -> list[EndedRun]:
        """At most `limit` runs, newest first. Raises JournalError."""


class FoundJob(NamedTuple):
    """An archived job that was found."""

    id: str
    stopped_us: int
    summary: bytes
    """As `domain.archive` packs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSearch:
    """Which archived jobs are looked at: fields are ANDed, the values of one are ORed, an empty field says nothing."""

    ids: Sequence[str] = ()
    names: Sequence[str] = ()
    """Names, ids, or beginnings of ids."""
    show_ids: Sequence[str] = ()
    users: Sequence[str] = ()
    """Whatever their case: whoever must have it exact looks again."""
    shots: Sequence[str] = ()
    stopped_since_us: int = 0
    parts: Sequence[str] = ()
    """Parts of names, or beginnings of ids."""
    before: tuple[int, str] | None = None
    """Only those after this one in the order: the `stopped_us` and `id` of the last one of the page before."""

    def after(self, last: FoundJob) -> JobSearch:
        """The search for the next page."""
        return replace(self, before=(last.stopped_us, last.id))


class KeptJobs(NamedTuple):
    """How many archived jobs there are."""

    jobs: int
    first_stopped_us: int
    """When the one ended that ended first; 0 where there is none."""


class JobHistory(Protocol):
    """Finished jobs that are on disk and not in memory. As slow as `RunHistory`, and used in the same way."""

    def job_with(self, text: str) -> str | None:
        """The id of the job that an id means: its own, the beginning of that, or of a layer, frame, depend or comment.

        Failing that, the last submitted job with this name. None where there is none, or several ids begin so.
        """

    def packed_job(self, job_id: str) -> PackedJob | None:
        """An archived job."""

    def has_younger(self, name: str, submitted_us: int) -> bool:
        """Whether a job of this name that was submitted later is archived."""

    def find_jobs(self, search: JobSearch, limit: int) -> list[FoundJob]:
        """At most `limit` jobs, the one that ended last first. Raises JournalError."""

    def kept_jobs(self) -> KeptJobs:
        """How many there are, and since when."""

    def specification(self, specification_id: str) -> bytes | None:
        """What jobs were submitted with, compressed (zlib)."""


class FoundEvents(NamedTuple):
    """Events that were found on disk."""

    events: list[Recorded]
    """The newest first."""
    is_all: bool
    """False where the search ended before all had been looked at."""


class FarmHistory(Protocol):
    """What became of hosts, and what the farm came to. As slow as `RunHistory`, and used in the same way."""

    def host_events(self, since_us: int, until_us: int, looks: int) -> FoundEvents:
        """Events in which a host was added, changed or removed, among the last `looks` events of a time.

        Raises JournalError.
        """

    def farm_sums(self, since_us: int, until_us: int, interval_us: int, limit: int) -> list[bytes]:
        """The last sums of each interval of a time, oldest first; the last `limit` of them. Raises JournalError."""


class Answer(Enum):
    """What became of an order."""

    ACCEPTED = "taken"
    REFUSED = "refused"
    INVALID = "invalid"
    """Refused for what it is: whoever wrote it is at fault, and no host would take it."""
    NOT_FOUND = "not found"
    NOT_TAKEN_IN = "not taken in"
    """It was not sent, or turned away at the door: it did not happen, and that says nothing of orders before it."""
    UNKNOWN = "unknown"
    """No answer, or one that says nothing: it may or may not have happened."""


Answered = Callable[[str, Answer, str], None]
"""Called with a run's id, the answer, and the agent's words."""


class Agents(Protocol):
    """The hosts' agents. All calls return at once; answers come by `answered`, in any order."""

    def launch(self, address: Address, orders: Sequence[LaunchRequest], answered: Answered) -> None:
        """Start runs on a host."""

    def kill(self, address: Address, orders: Sequence[KillRequest], answered: Answered) -> None:
        """End runs on a host."""

    def limit(self, address: Address, orders: Sequence[LimitsRequest]) -> None:
        """Tell a host what its runs may not exceed from now on, if it can be told. There is no answer."""


class Publisher(Protocol):
    """Who hears of what has happened. Both calls return at once, at the same cost however much it is, and never
    raise: the commit loop makes them."""

    def committed(self, events: Sequence[Recorded]) -> None:
        """These events are durable; every batch's come in order."""

    def reported(self, host_id: str) -> None:
        """A host has reported, so that its telemetry is new."""


class NoPublisher:
    """Stands for a publisher where nobody listens."""

    def committed(self, events: Sequence[Recorded]) -> None:
        """Nothing."""

    def reported(self, host_id: str) -> None:
        """Nothing."""
