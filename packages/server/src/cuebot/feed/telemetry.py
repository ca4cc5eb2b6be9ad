"""The lossy channel: what hosts and runs use now. Whoever reads seldom sees the latest value, and none in between.

A report costs two entries in a dictionary, whoever reads. Values are taken from the farm when they are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.units import KiB, Micros

PAGE_HOSTS: Final = 200
"""Told at a time, at most."""
PAUSE_SECONDS: Final = 1.0
"""Between two pages to one reader: what is reported meanwhile is told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTelemetry:
    """What a run used when its host last reported."""

    run_id: str
    job_id: str
    show: str
    frame_number: int
    used_memory_kib: KiB
    max_used_memory_kib: KiB
    ran_us: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTelemetry:
    """What a host said in its last report."""

    host_id: str
    host_name: str
    reported_us: Micros
    """When, in microseconds since the epoch (UTC)."""
    load_percent: int
    """Of the last minute, for each core."""
    total_memory_kib: KiB
    free_memory_kib: KiB
    free_swap_kib: KiB
    free_temp_kib: KiB
    free_gpu_memory_kib: KiB
    runs: tuple[RunTelemetry, ...]
    """Of the shows that the reader may see."""


class TelemetryChannel:
    """One farm's: the hosts that have reported, in the order in which they last did."""

    def __init__(self, farm: Farm) -> None:
        self.farm = farm
        self.is_closed = False
        self._count = 0
        self._last: dict[str, int] = {}
        """The number of a host's last report, by its id; the oldest first."""
        self._more = asyncio.Event()

    def reported(self, host_id: str) -> None:
        """Take note that a host has reported."""
        self._count += 1
        self._last.pop(host_id, None)
        self._last[host_id] = self._count
        self._more.set()

    def read(self, shows: frozenset[str] | None = None, *, pause_s: float = PAUSE_SECONDS) -> TelemetryReader:
        """Values of all hosts, then of those that report; runs of these shows only (None: all)."""
        return TelemetryReader(self, shows, pause_s)

    def close(self) -> None:
        """End all readers."""
        self.is_closed = True
        self._more.set()

    async def next_page(self, after: int) -> tuple[list[str], int]:
        """Hosts that have reported since the report `after`, longest ago first, and the number to go on from."""
        while not self.is_closed and self._count == after:
            self._more.clear()
            await self._more.wait()

        fresh: list[str] = []
        for host_id in reversed(self._last):
            if self._last[host_id] <= after:
                break
            fresh.append(host_id)
        page = fresh[::-1][:PAGE_HOSTS]
        return page, self._last[page[-1]] if page else self._count


class TelemetryReader(AsyncIterator[tuple[HostTelemetry, ...]]):
    """One reader of the channel."""

    def __init__(self, channel: TelemetryChannel, shows: frozenset[str] | None, pause_s: float) -> None:
        self._channel = channel
        self._shows = shows
        self._after = 0
        self._pause_s = 0.0
        """Before the next page; none before the first."""
        self._pause_after_page_s = pause_s

    async def __anext__(self) -> tuple[HostTelemetry, ...]:
        """The latest values of hosts that have reported since the last time, a page at most."""
        await asyncio.sleep(self._pause_s)
        page, after = await self._channel.next_page(self._after)
        if self._channel.is_closed:
            raise StopAsyncIteration

        self._after = after
        self._pause_s = self._pause_after_page_s
        hosts = self._channel.farm.hosts
        known = (hosts[id] for id in page if id in hosts and not hosts[id].removed)
        return tuple(host_telemetry(self._channel.farm, host, self._shows) for host in known)


def host_telemetry(farm: Farm, host: Host, shows: frozenset[str] | None = None) -> HostTelemetry:
    """What a host said last, with its runs of these shows (None: all)."""
    procs = (farm.procs[id] for id in sorted(host.proc_ids))
    runs = (_run_telemetry(farm, proc) for proc in procs)
    return HostTelemetry(
        host_id=host.id,
        host_name=host.name,
        reported_us=host.ping_us,
        load_percent=host.load,
        total_memory_kib=host.total_memory,
        free_memory_kib=host.free_memory,
        free_swap_kib=host.free_swap,
        free_temp_kib=host.free_temp,
        free_gpu_memory_kib=host.free_gpu_memory,
        runs=tuple(run for run in runs if shows is None or run.show in shows),
    )


def _run_telemetry(farm: Farm, proc: Proc) -> RunTelemetry:
    return RunTelemetry(
        run_id=proc.id,
        job_id=proc.job_id,
        show=farm.shows[proc.show_id].name,
        frame_number=int(farm.layers[proc.layer_id].frames.number[proc.frame_index]),
        used_memory_kib=proc.rss,
        max_used_memory_kib=proc.max_rss,
        ran_us=proc.ran_us,
    )
