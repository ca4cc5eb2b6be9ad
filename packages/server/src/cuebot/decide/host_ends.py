"""Whether a run ended with its host, unannounced, and when a frame that does that again and again is given up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cuebot.decide.host_names import SAME_BOOT_US, boots_again
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.host_ends import ENDS_ALONE, ENDS_MOST, LostRun, counted
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.states import Cause, FrameState, HostState

_TO_BE_BOOTED: Final = frozenset({HostState.REBOOTING, HostState.REBOOT_WHEN_IDLE, HostState.REPAIR})
_STILL_COUNTS: Final = frozenset({FrameState.WAITING, FrameState.DEPEND, FrameState.RUNNING})


def unannounced(host: Host, proc: Proc) -> bool:
    """Nobody has said that what runs on a host is about to end: neither its agent nor a person."""
    return proc.booked_us > host.goodbye_us and host.state not in _TO_BE_BOOTED


def ends_with_runner(host: Host, proc: Proc, cause: Cause) -> bool:
    """An outcome tells that the agent died in the middle of a boot, and its successor ended what was left."""
    return cause is Cause.RUNNER_LOST and unannounced(host, proc)


def is_given_up(farm: Farm, proc: Proc, with_host: bool | None) -> bool:
    """A frame is not tried again after this end, because its runs end with their hosts.

    `with_host` as in `RunEnded`: where a host is silent, only what was counted before can say so.
    """
    ends = int(farm.layers[proc.layer_id].frames.host_ends[proc.frame_index])
    if with_host:
        ends = counted(ends, alone=proc.alone)
    return with_host is not False and ends >= ENDS_MOST


def with_alone(message: str, proc: Proc) -> str:
    """What is said of the end of a run, and that it had its host to itself: whoever reads the tries can tell them."""
    if not proc.alone:
        return message
    return f"{message}; it was alone on its host" if message else "it was alone on its host"


def detail(message: str) -> str:
    """What is said of the run after which a frame is given up."""
    told = f"{ENDS_MOST} runs of this frame ended with their host, the last {ENDS_ALONE} alone there"
    return f"{message}; {told}" if message else told


def told_by_report(farm: Farm, host: Host, facts: c.HostFacts, *, is_new_agent: bool) -> Iterator[ev.EndedWithHost]:
    """A host's agent is back with another boot, or another agent in the same boot: so its lost runs ended with it.

    Another agent with another boot may as well be another machine, to which the name was given.
    """
    for run in farm.lost_runs.of(host.id):
        if boots_again(host, facts):
            is_back = not is_new_agent and facts.instance == run.instance
        else:
            same_boot = abs(facts.boot_us - host.boot_us) <= SAME_BOOT_US
            is_back = is_new_agent and same_boot and bool(host.peer) and facts.peer == host.peer
        if is_back:
            yield from _told(farm, run)


def told_by_outcome(farm: Farm, command: c.ReportOutcome) -> Iterator[ev.EndedWithHost]:
    """A run that is over in the books was ended by the successor of its agent."""
    host_id = farm.host_by_name.get(command.host_name)
    if command.cause is not Cause.RUNNER_LOST or host_id is None:
        return
    for run in farm.lost_runs.of(host_id):
        if run.run_id == command.run_id:
            yield from _told(farm, run)


def _told(farm: Farm, run: LostRun) -> Iterator[ev.EndedWithHost]:
    layer = farm.layers.get(run.layer_id)
    if layer is not None and FrameState(int(layer.frames.state[run.index])) in _STILL_COUNTS:
        yield ev.EndedWithHost(run.run_id, run.layer_id, run.index, run.alone)
