"""What hosts say that is no event: load, free memory, what runs use. The volatile fields' only writer.

Telemetry never enters the journal and is forgotten on a restart; the next report brings it back.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from cuebot.domain.commands import HostFacts, RunFacts
from cuebot.domain.events import EndedWithHost, FramesRetried
from cuebot.domain.failing_hosts import refresh
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Reservation
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.states import HostState
from cuebot.domain.units import KiB, Micros


def observe_host(farm: Farm, host: Host, facts: HostFacts, now_us: int) -> bool:
    """Keep what a report says of a host. Returns whether it can be booked now and could not, or the other way round."""
    was_bookable = bool(farm.hosts_table.bookable[host.row])
    farm.touched.hosts.add(host.id)
    host.ping_us = Micros(now_us)
    host.reported = True
    host.peer, host.full_name = facts.peer, facts.full_name
    if facts.state is HostState.DOWN:
        host.goodbye_us = Micros(now_us)
    host.load, host.closed = facts.load, facts.closed
    host.total_memory, host.free_memory = facts.total_memory, facts.free_memory
    host.total_swap, host.free_swap = facts.total_swap, facts.free_swap
    host.total_temp, host.free_temp = facts.total_temp, facts.free_temp
    host.free_gpu_memory = facts.free_gpu_memory
    farm.hosts_table.refresh_bookable(host)
    return bool(farm.hosts_table.bookable[host.row]) is not was_bookable


def observe_word(host: Host, now_us: int) -> None:
    """Something was heard and answered of what is most likely this host's agent, so its lease goes on."""
    host.ping_us = Micros(now_us)


def observe_start(farm: Farm, host: Host) -> bool:
    """An agent has started: what an earlier one refused says nothing. Returns whether that kept the host idle."""
    if not host.refusals:
        return False
    host.refusals, host.refused_until_us = 0, Micros(0)
    refresh(farm, host)
    return True


def observe_rival(host: Host, rival: str, now_us: int) -> None:
    """Another agent has reported under a host's name."""
    host.rival, host.rival_us = rival, Micros(now_us)


def observe_return(farm: Farm, host: Host, ended: Collection[str]) -> None:
    """A host has reported, and said which of its runs are over: of the others it has nothing more to tell."""
    farm.lost_runs.keep(host.id, ended)


def observe_told(farm: Farm, event: EndedWithHost | FramesRetried) -> None:
    """A lost run has told what it had to tell, or its frame begins anew."""
    if isinstance(event, EndedWithHost):
        for host_id, runs in list(farm.lost_runs.by_host.items()):
            if event.run_id in runs:
                farm.lost_runs.keep(host_id, runs.keys() - {event.run_id})
    else:
        farm.lost_runs.forget_frames(event.layer_id, event.indices.tolist())


def observe_run(farm: Farm, proc: Proc, facts: RunFacts, now_us: int) -> bool:
    """Keep what a report says of a run. Returns whether a hold ended: its log and its process exist."""
    proc.launched = True
    proc.seen_us = Micros(now_us)
    proc.stuck = facts.stuck
    # An agent that does not tell how long does not suspend runs. An older report may come later.
    proc.ran_us = max(facts.ran_us or Micros(now_us - max(proc.booked_us, proc.sent_us)), proc.ran_us)
    if facts.llu_s and facts.llu_s != proc.llu_s:  # clocks are not compared: what counts is a change
        proc.grew_us = proc.ran_us
    frames = farm.layers[proc.layer_id].frames
    if frames.used_rss_kib is None or frames.llu_s is None:
        frames.used_rss_kib = np.zeros(len(frames), dtype=np.int64)
        frames.llu_s = np.zeros(len(frames), dtype=np.int64)
    frames.copy_on_write()
    index = proc.frame_index
    frames.updated_us[index] = now_us
    # A column is written where this run's last value was another: that spares most of the time that this takes. Where
    # it is 0 the column may still show what an earlier run had.
    if facts.rss != proc.rss or not facts.rss:
        proc.rss = frames.used_rss_kib[index] = possible_memory(farm.hosts[proc.host_id], facts.rss)
    if facts.llu_s != proc.llu_s or not facts.llu_s:
        proc.llu_s = frames.llu_s[index] = facts.llu_s
    if facts.max_rss > proc.max_rss:
        proc.max_rss = possible_memory(farm.hosts[proc.host_id], facts.max_rss)
        frames.max_rss_kib[index] = max(int(frames.max_rss_kib[index]), proc.max_rss)
    if not facts.llu_s or facts.ended or not (farm.holds.hosts or farm.holds.jobs):
        return False
    return farm.holds.started(proc.job_id, proc.host_id, proc.booked_us)


def observe_launch(farm: Farm, run_id: str, now_us: int) -> bool:
    """The agent took a run. Returns whether its host had refused others, so that it may not have been booked."""
    proc = farm.procs.get(run_id)
    if proc is None:
        return False
    proc.launched = True
    proc.seen_us = Micros(now_us)  # a report that was sent before this and comes now says nothing about the run
    host = farm.hosts[proc.host_id]
    if not host.refusals:
        return False
    host.refusals = 0
    host.refused_until_us = Micros(0)
    farm.hosts_table.refresh(host, farm.used_on(host))
    return True


def observe_no_answer(farm: Farm, run_id: str, now_us: int) -> None:
    """Nobody knows whether the agent has a run: the launch may have been lost, or is late."""
    proc = farm.procs.get(run_id)
    if proc is not None:
        proc.unanswered_us = Micros(now_us)


def possible_memory(host: Host, told: KiB) -> KiB:
    """What a run is said to use, cut to what its host has: pages that processes share may be counted for each."""
    return min(told, host.machine_memory)


def observe_reservations(farm: Farm, reserved: dict[int, Reservation]) -> None:
    """Keep which hosts the last pass reserved, for the next one and for `explain`."""
    farm.hosts_table.reservations = reserved
