"""Where frames fail: hosts that layers avoid, hosts in quarantine, holds; and what is learned when all goes well."""

from __future__ import annotations

from cuebot.domain.charging import UNCHARGED_EXITS
from cuebot.domain.events import RunEnded
from cuebot.domain.farm import Farm
from cuebot.domain.host_ends import LostRun
from cuebot.domain.host_table import JOBS_TO_QUARANTINE
from cuebot.domain.learning import learn, worth_learning
from cuebot.domain.nouns import Host, Layer
from cuebot.domain.states import Cause, Exit, FrameState
from cuebot.domain.units import MINUTE, Micros

REFUSAL_PAUSE_US = 5_000_000


REFUSAL_PAUSE_MAX_US = MINUTE


UNSTARTED_AVOIDED_US = MINUTE
"""How long a layer avoids a host that could not start a frame of it, while there is another."""


FAILURES_KEPT = 8
"""More make no pause longer."""


def observe_end(farm: Farm, event: RunEnded, now_us: int) -> None:
    """Learn what frames need, and remember where frames fail.

    A layer avoids a host where a frame of it failed, and a host that fails many jobs is quarantined. Only what the
    frame itself did counts, not that somebody killed it or that a host went away. While more than a quarter of all
    hosts would be in quarantine, the fault is elsewhere and none is added.
    """
    host = farm.hosts[event.host_id]
    layer = farm.layers[event.layer_id]
    _hold_or_go_on(farm, host, event, now_us)
    _note_lost_run(farm, host, event, now_us)

    if event.exit_status == 0:
        _went_well(farm, host, layer)
    elif _failed_by_itself(event):
        layer.avoided_until_us[host.row] = now_us + farm.settings.avoided_us
        _quarantine(farm, host, event.job_id, now_us)


def _note_lost_run(farm: Farm, host: Host, event: RunEnded, now_us: int) -> None:
    """Remember a run that may have ended with its host, until that says how it was, or the frame is retried."""
    if event.with_host is None and host.agent and not host.removed and event.state is FrameState.WAITING:
        lost = LostRun(event.run_id, event.layer_id, event.index, event.alone, host.instance, now_us)
        farm.lost_runs.add(host.id, lost)
    if event.exit_status == Exit.RETRIED_BY_USER:
        farm.lost_runs.forget_frames(event.layer_id, (event.index,))


def _went_well(farm: Farm, host: Host, layer: Layer) -> None:
    """A frame succeeded: its layer comes back to the host, which is as good as any other."""
    layer.avoided_until_us.pop(host.row, None)
    if worth_learning(layer) and learn(farm, layer):
        farm.requeue(farm.jobs[layer.job_id])
    if host.failed_jobs:
        host.failed_jobs = ()
        host.quarantined_until_us = Micros(0)
        refresh(farm, host)


def _failed_by_itself(event: RunEnded) -> bool:
    own_fault = event.exit_status not in UNCHARGED_EXITS and event.exit_status != Exit.RETRIED_BY_USER
    failed = event.state in (FrameState.WAITING, FrameState.DEAD)
    return failed and own_fault and event.cause in (Cause.EXITED, Cause.LAUNCH_FAILED, Cause.MEMORY, Cause.LOG_LIMIT)


def _quarantine(farm: Farm, host: Host, job_id: str, now_us: int) -> None:
    """Count a job whose frame failed on a host, and leave the host alone once several jobs failed there in a row."""
    if job_id in host.failed_jobs and len(host.failed_jobs) < JOBS_TO_QUARANTINE:
        return  # one job alone may be at fault itself; once in quarantine, every failure counts

    table, n = farm.hosts_table, farm.hosts_table.size
    jobs = (*host.failed_jobs, job_id)
    if len(jobs) >= JOBS_TO_QUARANTINE:
        held = int((table.quarantined_until_us[:n] > now_us).sum())
        if 4 * (held + 1) > int(table.present[:n].sum()):
            return
        longer = 2 ** (len(jobs) - JOBS_TO_QUARANTINE)
        pause = min(farm.settings.quarantine_us * longer, farm.settings.quarantine_max_us)
        host.quarantined_until_us = Micros(now_us + pause)

    host.failed_jobs = jobs[-FAILURES_KEPT:]
    refresh(farm, host)


def _hold_or_go_on(farm: Farm, host: Host, event: RunEnded, now_us: int) -> None:
    """What could not be started for a fault of the farm is tried more rarely; what was started ends that."""
    job, layer = farm.jobs[event.job_id], farm.layers[event.layer_id]
    if host.removed:
        return
    if event.cause in (Cause.LOG_UNWRITABLE, Cause.HOST_FAULT, Cause.START_LIMIT):
        detail = "logs cannot be written" if event.cause is Cause.LOG_UNWRITABLE else "no frame could be started"
        farm.holds.job_failed(job, host, event.message or detail, event.booked_us, now_us)
        layer.avoided_until_us[host.row] = now_us + UNSTARTED_AVOIDED_US
    elif event.cause is Cause.LAUNCH_FAILED and not host.agent:
        # The agents that are not ours do not say whose fault it is, so the frame is charged and the host is paced.
        farm.holds.host_failed(host, event.message or "no frame could be started", event.booked_us, now_us)
    elif event.cause in (Cause.EXITED, Cause.TIMEOUT, Cause.SILENT, Cause.MEMORY, Cause.LOG_LIMIT):
        farm.holds.started(event.job_id, event.host_id, event.booked_us)


def refresh(farm: Farm, host: Host) -> None:
    """Write what may be booked on a host again."""
    if not host.removed:
        farm.hosts_table.refresh(host, farm.used_on(host))


def observe_refusal(farm: Farm, host: Host, now_us: int) -> None:
    """The agent refused a run: ask it again later, and ever later if it goes on refusing."""
    host.refusals += 1
    pause = min(REFUSAL_PAUSE_US * 2 ** (host.refusals - 1), REFUSAL_PAUSE_MAX_US)
    host.refused_until_us = Micros(now_us + pause)
    farm.hosts_table.refresh(host, farm.used_on(host))
