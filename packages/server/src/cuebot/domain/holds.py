"""What is tried one launch at a time, with growing pauses, because of a fault of the farm: hosts, and jobs.

A frame that was not started because its log could not be made, or because its host could start nothing, is not at
fault: it waits again and is charged nothing, however often that happens. What is bounded is how often it is tried.

That may be the fault of one host, or of what several hosts share (a disk for logs, a user that none of them knows), and
the first failure does not tell which. So the job is held first. After a pause one frame is tried, on another host if
there is one:

- it is started: the job goes on, and the host where another could not be started is suspected by this job. The next
  time it fails a frame of this job, the host is held and not the job;
- it fails on other hosts too: what they share is at fault, and the pauses of the job grow;
- a host that fails several jobs which failed nowhere else is held itself.

A hold ends when a run that was booked after the last failure was started. It is telemetry: a restart begins without
any.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cuebot.domain.units import MINUTE, SECOND

if TYPE_CHECKING:
    from cuebot.domain.farm import Farm
    from cuebot.domain.nouns import Host, Job, Proc

PAUSE_US: Final = 5 * SECOND
PAUSE_MAX_US: Final = MINUTE
"""What was mended is noticed within this, as long as somebody wants to run there."""
REMEMBERED_US: Final = 5 * MINUTE
"""So long after its last failure a hold that ended is forgotten. Before, the pauses go on where they were."""
JOBS_THAT_BLAME: Final = 2
"""A host is held when it failed so many jobs that failed nowhere else."""
WORDS_CHARACTERS: Final = 300


@dataclass(slots=True)
class Hold:
    """Why a host or a job is tried one launch at a time, and when."""

    detail: str
    """What the agent said."""
    failed_us: int
    """When the last launch that was booked after the failure before it failed."""
    until_us: int
    """Nothing is booked before this."""
    failures: int = 1
    active: bool = True
    """False once something was started again; the failures are remembered for a while."""

    def failed(self, detail: str, booked_us: int, now_us: int) -> None:
        """One more launch failed. Those that were booked before the first failure was known make no pause longer."""
        self.detail = detail[:WORDS_CHARACTERS]
        if now_us - self.failed_us > REMEMBERED_US:
            self.failures = 0
        elif self.active and booked_us <= self.failed_us:
            return
        self.failures += 1
        self.active = True
        self.failed_us = now_us
        self.until_us = now_us + pause_us(self.failures)


def pause_us(failures: int) -> int:
    """How long nothing is tried after so many failures in a row."""
    return min(PAUSE_US << min(failures - 1, 10), PAUSE_MAX_US)


@dataclass(slots=True)
class Holds:
    """All holds of a farm, and what tells a host's fault from a place's."""

    hosts: dict[str, Hold] = field(default_factory=dict)
    """By host id."""
    jobs: dict[str, Hold] = field(default_factory=dict)
    """By job id."""
    failed_at: dict[str, set[str]] = field(default_factory=dict)
    """By job: hosts that could not start a frame of it since one of them could."""
    suspects: dict[str, set[str]] = field(default_factory=dict)
    """By job: hosts that could not start a frame of it, although another could."""

    # --- what happened --------------------------------------------------------------------------------------------

    def host_failed(self, host: Host, detail: str, booked_us: int, now_us: int) -> None:
        """A host is at fault that a run was not started."""
        self._forget_old(now_us)
        _failed(self.hosts, host.id, detail, booked_us, now_us)

    def job_failed(self, job: Job, host: Host, detail: str, booked_us: int, now_us: int) -> None:
        """A host could not start a run of a job, or make its log."""
        self._forget_old(now_us)
        host_hold, hold = self.hosts.get(host.id), self.jobs.get(job.id)
        host_held = host_hold is not None and host_hold.active
        if host_held or host.id in self.suspects.get(job.id, ()):
            self.host_failed(host, detail, booked_us, now_us)
            if hold is None or not hold.active:
                return
        _failed(self.jobs, job.id, detail, booked_us, now_us)
        self.failed_at.setdefault(job.id, set()).add(host.id)
        if not host_held and sum(at == {host.id} for at in self.failed_at.values()) >= JOBS_THAT_BLAME:
            self.host_failed(host, detail, booked_us, now_us)

    def started(self, job_id: str, host_id: str, booked_us: int) -> bool:
        """A run was started, and its log was made. Returns whether a hold ended by it."""
        self.suspects.get(job_id, set()).discard(host_id)
        ended = False
        for holds, id in ((self.jobs, job_id), (self.hosts, host_id)):
            hold = holds.get(id)
            if hold is not None and hold.active and booked_us > hold.failed_us:
                hold.active = False
                ended = True
                if holds is self.jobs:
                    elsewhere = self.failed_at.pop(id, set()) - {host_id}
                    self.suspects.setdefault(id, set()).update(elsewhere)
        return ended

    def _forget_old(self, now_us: int) -> None:
        """Holds that ended long ago, and those that nobody has tried to end for as long."""
        for holds in (self.hosts, self.jobs):
            for id in [id for id, hold in holds.items() if now_us - hold.failed_us > REMEMBERED_US + PAUSE_MAX_US]:
                del holds[id]
                self.suspects.pop(id, None)
                self.failed_at.pop(id, None)

    # --- what follows ---------------------------------------------------------------------------------------------

    def of_job(self, job: Job) -> Hold | None:
        """Why a job is held; None where it is not."""
        hold = self.jobs.get(job.id)
        return hold if hold is not None and hold.active else None

    def of_host(self, host: Host) -> Hold | None:
        """Why a host is held; None where it is not."""
        hold = self.hosts.get(host.id)
        return hold if hold is not None and hold.active else None


def _failed(holds: dict[str, Hold], id: str, detail: str, booked_us: int, now_us: int) -> None:
    hold = holds.get(id)
    if hold is None:
        holds[id] = Hold(detail[:WORDS_CHARACTERS], now_us, now_us + PAUSE_US)
    else:
        hold.failed(detail, booked_us, now_us)


def job_shut(farm: Farm, job: Job, now_us: int) -> bool:
    """No frame of a job is to be started now: it is held, for a while or until the frame that is tried tells."""
    hold = farm.holds.of_job(job) if farm.holds.jobs else None
    if hold is None:
        return False
    return now_us < hold.until_us or any(_since(hold, farm.layers[id].runs.values(), farm) for id in job.layer_ids)


def host_shut(farm: Farm, host: Host, now_us: int) -> bool:
    """No frame is to be started on a host now, as above."""
    hold = farm.holds.of_host(host)
    return hold is not None and (now_us < hold.until_us or _since(hold, host.proc_ids, farm))


def _since(hold: Hold, run_ids: Iterable[str], farm: Farm) -> bool:
    """One of these runs was booked since the last failure: it is the one that is tried."""
    procs: dict[str, Proc] = farm.procs
    return any(procs[id].booked_us > hold.failed_us for id in run_ids)
