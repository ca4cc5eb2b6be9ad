"""A run ends here: by its outcome, a refusal, or because it is lost. What becomes of its frame follows.

Among it whether the frame is tried again, and at whose charge (`domain/charging`). A person's retry: `frames`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cuebot.decide.context import Context
from cuebot.decide.failure_rules import layer_after, rule_for, words
from cuebot.decide.host_ends import detail, ends_with_runner, is_given_up, told_by_outcome, with_alone
from cuebot.decide.host_names import refuse_rival_outcome
from cuebot.decide.memory_failures import memory_after, memory_raised
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.charging import UNCHARGED_CAUSES, UNCHARGED_EXITS
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Layer, Limit, Proc
from cuebot.domain.run_time import ran_until_now_us
from cuebot.domain.states import CHECKPOINT_UNDER_WAY, Cause, Exit, FrameState, OnEnd
from cuebot.domain.telemetry import possible_memory
from cuebot.domain.units import MINUTE, ONE_CORE, SECOND, CoreUnits, KiB, Micros

SIGTERM: Final = 15
KILL_SIGNALS: Final = frozenset({9, SIGTERM})
RETRY_SIGNAL: Final = 119
"""An application's way to ask for another try that costs no retry (opencue-behaviour: exit-statuses)."""


TIME_CAUSES: Final = frozenset({Cause.TIMEOUT, Cause.SILENT})
"""It took longer than its layer allows: it would do so again, so the frame is dead."""

_ENDS_FOR_MEMORY: Final = frozenset({Cause.EXITED, Cause.MEMORY})
"""It says itself that it lacked memory, or was ended for it."""


_EXIT_OF_CAUSE: Final = {
    Cause.REFUSED: Exit.CLEARED,
    Cause.HOST_LOST: Exit.HOST_DOWN,
    Cause.NEVER_RECEIVED: Exit.CLEARED,
    Cause.LEASE: Exit.SKIP_RETRY,
}


def report_outcome(farm: Farm, command: c.ReportOutcome, context: Context) -> list[ev.Event]:
    """Take in how a run ended. A run that is not the frame's current one changes only history.

    Its id tells it apart, whatever the host is called that reports it (decisions: known-by-its-run): a host may have
    got another name. Raises HostConflict for an agent that may not speak for the run.
    """
    proc = farm.procs.get(command.run_id)
    if proc is None:
        ignored = ev.ReportIgnored(command.run_id, command.host_name, command.exit_status, command.exit_signal)
        return [ignored, *told_by_outcome(farm, command)]
    refuse_rival_outcome(farm.hosts[proc.host_id], command.speaker, context)
    # decisions: signal-status: a frame ended by a signal has the signal's number as its exit status.
    status = command.exit_signal if command.exit_signal > 0 else command.exit_status
    # Some agents measure by a clock that may be set: a run cannot have taken longer than it was booked.
    run_us = Micros(max(min(command.run_us, context.now_us - proc.booked_us), 0))
    max_rss = KiB(max(possible_memory(farm.hosts[proc.host_id], command.max_rss), proc.max_rss))
    command = replace(command, run_us=run_us, max_rss=max_rss, cause=_cause_of(command, proc))
    memory = memory_after(farm, proc, status, max_rss) if command.cause in _ENDS_FOR_MEMORY else None
    limit = rule_for(farm, command)
    state, status = _frame_after(farm, proc, command, status, more_memory=memory is not None, limit=limit)
    is_for_limit = limit is not None and state is FrameState.WAITING and status == Exit.SKIP_RETRY
    if limit is not None and is_for_limit:
        command = replace(command, message=words(limit, command))
    asked_for = state is FrameState.WAITING and status in UNCHARGED_EXITS and _own_doing(command)
    free = asked_for and not is_for_limit
    if free and int(farm.layers[proc.layer_id].frames.free_retries[proc.frame_index]) >= context.bounds.free_retries:
        state, free = _given_up_as(farm, proc), False
        asked = f"it asked for another start {context.bounds.free_retries} times (limit free_retries)"
        command = replace(command, message=f"{command.message}; {asked}" if command.message else asked)
    return [
        _ended(
            farm,
            proc,
            state,
            exit_status=status,
            exit_signal=command.exit_signal,
            cause=command.cause,
            run_us=command.run_us,
            max_rss=max_rss,
            message=command.message or proc.kill_message,
            used_cores=_used_cores(farm.hosts[proc.host_id], command),
            error_line=command.error_line,
            log_name=command.log_name,
            free=free,
            with_host=ends_with_runner(farm.hosts[proc.host_id], proc, command.cause),
            reported=True,
        ),
        *memory_raised(farm, proc, memory),
        *(layer_after(farm, proc, limit, state, context) if limit is not None else ()),
    ]


def _used_cores(host: Host, command: c.ReportOutcome) -> CoreUnits:
    """Core units that a run kept busy on average; 0 where nobody told, it was too short, or it is more than there is.

    A little more is how processor time is counted, and is cut.
    """
    used = command.cpu_us * ONE_CORE // command.run_us if command.run_us >= SECOND else 0
    return CoreUnits(min(used, host.cores) if used * 20 <= host.cores * 21 else 0)


def _own_doing(command: c.ReportOutcome) -> bool:
    """The frame itself ended so, and not because of the farm or of the host's owner."""
    return command.cause not in UNCHARGED_CAUSES and not command.nimby_locked


def _cause_of(command: c.ReportOutcome, proc: Proc) -> Cause:
    """Agents of upstream's give no cause: what was to be killed and ended by such a signal was killed.

    What was to be ended for its time may also end by itself when it is told to, with a status of its own.
    """
    told_to_end = proc.kill_message and command.cause in (Cause.EXITED, Cause.KILLED)
    if told_to_end and proc.kill_cause in TIME_CAUSES and (command.exit_status or command.exit_signal):
        return proc.kill_cause
    if command.cause is Cause.KILLED:  # where nobody asked for it, it is not for the frame to pay
        return proc.kill_cause if proc.kill_message else Cause.LEASE
    if command.cause is Cause.EXITED and proc.kill_message and command.exit_signal in KILL_SIGNALS:
        return proc.kill_cause
    return command.cause


def refuse_run(farm: Farm, command: c.RefuseRun, context: Context) -> list[ev.Event]:
    """A host will not run this: the frame waits again, uncharged."""
    proc = farm.procs.get(command.run_id)
    if proc is None:
        return []
    return [run_lost(farm, proc, Cause.REFUSED, command.message, context)]


def run_lost(
    farm: Farm,
    proc: Proc,
    cause: Cause,
    message: str,
    context: Context,
    exit_status: Exit | None = None,
    run_us: Micros | None = None,
    *,
    with_host: bool | None = False,
) -> ev.RunEnded:
    """The run is over although nobody reported its end.

    The exit status is the cause's where none is given; `run_us` is how long it ran where that is known better than by
    what its host told last; `with_host` is as in `RunEnded`.
    """
    layer = farm.layers[proc.layer_id]
    on_end = OnEnd(proc.on_end)
    state: FrameState | None = FrameState.WAITING
    status = int(_EXIT_OF_CAUSE[cause] if exit_status is None else exit_status)
    if on_end is OnEnd.RETRY:
        status = int(Exit.RETRIED_BY_USER)
    elif int(layer.frames.state[proc.frame_index]) != FrameState.RUNNING:
        state = None
    if run_us is None:
        run_us = ran_until_now_us(farm.hosts[proc.host_id], proc, context.now_us)
    return _ended(
        farm,
        proc,
        state,
        exit_status=status,
        exit_signal=0,
        cause=cause,
        run_us=run_us,
        max_rss=proc.max_rss,
        message=message,
        with_host=with_host,
    )


def _frame_after(
    farm: Farm, proc: Proc, command: c.ReportOutcome, status: int, *, more_memory: bool, limit: Limit | None
) -> tuple[FrameState | None, int]:
    """The frame's next state and the exit status to keep (opencue-behaviour: after-a-run, the first row that applies).

    `more_memory` says that it ended for want of memory, and that its next run gets more; `limit` is the one of which it
    found no licence.
    """
    frames = farm.layers[proc.layer_id].frames
    if proc.on_end is OnEnd.RETRY:
        return FrameState.WAITING, int(Exit.RETRIED_BY_USER)
    if int(frames.state[proc.frame_index]) != FrameState.RUNNING:
        return None, status
    if status == Exit.SUCCESS:
        return FrameState.SUCCEEDED, status
    if command.cause in UNCHARGED_CAUSES:
        return FrameState.WAITING, int(Exit.SKIP_RETRY) if status not in _KEPT_EXITS else status
    if command.cause in TIME_CAUSES:
        return _given_up_as(farm, proc), status
    return _after_failure(farm, proc, command, status, more_memory=more_memory, limit=limit)


def _after_failure(
    farm: Farm, proc: Proc, command: c.ReportOutcome, status: int, *, more_memory: bool, limit: Limit | None
) -> tuple[FrameState, int]:
    """The same of a frame that failed by its own doing: the second half of the table."""
    layer, job = farm.layers[proc.layer_id], farm.jobs[proc.job_id]
    retries = int(layer.frames.retries[proc.frame_index])
    most = layer.retries_of(job)

    if status == Exit.SKIP_RETRY or (most and command.exit_signal == RETRY_SIGNAL):
        return FrameState.WAITING, int(Exit.SKIP_RETRY)
    if status == Exit.FAILED_LAUNCH and retries < most:
        return FrameState.WAITING, status
    if command.nimby_locked and command.exit_signal == SIGTERM:
        return FrameState.WAITING, int(Exit.SKIP_RETRY)
    if job.auto_eat:
        return FrameState.EATEN, status
    if limit is not None and limit.delay_minutes:
        return FrameState.WAITING, int(Exit.SKIP_RETRY)

    ran_too_long = bool(layer.timeout_minutes) and command.run_us > layer.timeout_minutes * MINUTE
    retries_spent = retries >= most + (farm.settings.memory_retries if more_memory else 0)
    if ran_too_long or command.run_us > LONG_RUN_US or retries_spent:
        return FrameState.DEAD, status
    return FrameState.WAITING, status


def _given_up_as(farm: Farm, proc: Proc) -> FrameState:
    """What a frame becomes that is not tried again."""
    return FrameState.EATEN if farm.jobs[proc.job_id].auto_eat else FrameState.DEAD


LONG_RUN_US: Final = Micros(12 * 60 * MINUTE)
"""A frame that fails after so long is not tried again by itself (opencue-behaviour: after-a-run, row 11)."""

_KEPT_EXITS: Final = frozenset({Exit.ORPHAN, Exit.HOST_DOWN, Exit.CLEARED, Exit.SKIP_RETRY})


_NOT_TOLD: Final = CoreUnits(0)


def _is_checkpointed(layer: Layer, proc: Proc) -> bool:
    """Its checkpoint is being made or copied; who retried it by hand does not wait for that."""
    under_way = int(layer.frames.checkpoint[proc.frame_index]) in CHECKPOINT_UNDER_WAY
    return under_way and proc.on_end is not OnEnd.RETRY


def _ended(
    farm: Farm,
    proc: Proc,
    state: FrameState | None,
    *,
    exit_status: int,
    exit_signal: int,
    cause: Cause,
    run_us: Micros,
    max_rss: KiB,
    message: str,
    used_cores: CoreUnits = _NOT_TOLD,
    error_line: str = "",
    log_name: str = "",
    free: bool = False,
    with_host: bool | None = False,
    reported: bool = False,
) -> ev.RunEnded:
    layer = farm.layers[proc.layer_id]
    message = with_alone(message, proc)
    if state is FrameState.WAITING and reported and _is_checkpointed(layer, proc):
        state = FrameState.CHECKPOINT
    waits = state is FrameState.WAITING and exit_status != Exit.RETRIED_BY_USER
    if waits and is_given_up(farm, proc, with_host):
        state, message = _given_up_as(farm, proc), detail(message)
    return ev.RunEnded(
        run_id=proc.id,
        job_id=proc.job_id,
        layer_id=proc.layer_id,
        index=proc.frame_index,
        number=int(layer.frames.number[proc.frame_index]),
        host_id=proc.host_id,
        cores=proc.cores,
        memory=proc.memory,
        booked_us=proc.booked_us,
        state=state,
        exit_status=exit_status,
        exit_signal=exit_signal,
        cause=cause,
        run_us=run_us,
        max_rss=max_rss,
        message=message,
        used_cores=used_cores,
        attempt=int(layer.frames.attempts[proc.frame_index]),
        error_line=error_line,
        log_name=log_name,
        free=free,
        with_host=with_host,
        alone=proc.alone,
    )
