"""Telemetry: the latest value of each host, coalesced, and what nobody read is gone."""

from __future__ import annotations

import asyncio

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.units import KiB, frame_id
from cuebot.feed import telemetry
from cuebot.feed.telemetry import HostTelemetry, TelemetryChannel, TelemetryReader
from cuebot.sim.specs import job_spec, layer_spec


def reporting(hosts: int) -> tuple[SmallFarm, TelemetryChannel]:
    """A farm whose hosts have reported."""
    farm = SmallFarm()
    channel = TelemetryChannel(farm.farm)
    for number in range(hosts):
        channel.reported(farm.host(f"host{number}").id)
    return farm, channel


def report(farm: SmallFarm, channel: TelemetryChannel, name: str, load: int) -> None:
    """A host reports its load."""
    farm.report(name, load=load)
    channel.reported(farm.farm.host_named(name).id)


async def page(reader: TelemetryReader) -> dict[str, HostTelemetry]:
    """The next page by host."""
    async with asyncio.timeout(5):
        return {host.host_name: host for host in await anext(reader)}


async def test_a_reader_begins_with_all_hosts() -> None:
    """It sees the farm as it is, then what changes."""
    farm, channel = reporting(3)
    reader = channel.read(pause_s=0)
    assert set(await page(reader)) == {"host0", "host1", "host2"}
    report(farm, channel, "host1", load=70)
    assert {name: host.load_percent for name, host in (await page(reader)).items()} == {"host1": 70}


async def test_a_slow_reader_sees_the_latest_value_only() -> None:
    """However often a host has reported meanwhile, it is told once."""
    farm, channel = reporting(2)
    reader = channel.read(pause_s=0)
    await page(reader)
    for load in range(100):
        report(farm, channel, "host0", load=load)
    assert [host.load_percent for host in (await page(reader)).values()] == [99]
    waiting = asyncio.create_task(anext(reader))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()


async def test_many_hosts_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host once, and nobody holds the loop for a whole farm."""
    monkeypatch.setattr(telemetry, "PAGE_HOSTS", 2)
    _, channel = reporting(5)
    reader = channel.read(pause_s=0)
    pages = [list(await page(reader)) for _ in range(3)]
    assert [len(names) for names in pages] == [2, 2, 1]
    assert sorted(name for names in pages for name in names) == [f"host{number}" for number in range(5)]


async def test_a_reader_rests_between_pages() -> None:
    """What is reported meanwhile is told once."""
    farm, channel = reporting(1)
    reader = channel.read(pause_s=0.05)
    await page(reader)
    report(farm, channel, "host0", load=1)
    waiting = asyncio.create_task(page(reader))
    await asyncio.sleep(0)
    report(farm, channel, "host0", load=2)
    assert (await waiting)["host0"].load_percent == 2


async def test_runs_are_told_with_their_host_and_cut_by_show() -> None:
    """What a run uses, and since when; whoever may not see its show sees the host without it."""
    farm, channel = reporting(1)
    farm.launch(job_spec("one", layer_spec(range_text="7")))
    (run,) = farm.plan()
    facts = c.RunFacts(run.id, frame_id(run.layer_id, 0), rss=KiB(500), max_rss=KiB(900))
    farm.report(runs=[facts])
    (told,) = (await page(channel.read()))["host0"].runs
    assert (told.run_id, told.show, told.frame_number) == (run.id, "testing", 7)
    assert (told.used_memory_kib, told.max_used_memory_kib) == (500, 900)
    assert (await page(channel.read(frozenset({"film"}))))["host0"].runs == ()


async def test_a_host_that_was_deleted_is_told_no_more() -> None:
    """Its last report may still be the newest."""
    farm, channel = reporting(2)
    farm.do(c.DropHost(farm.farm.host_named("host1").id))
    assert set(await page(channel.read())) == {"host0"}


async def test_a_closed_channel_ends_its_readers() -> None:
    """A server that stops waits for none."""
    _, channel = reporting(1)
    reader = channel.read(pause_s=0)
    await page(reader)
    waiting = asyncio.create_task(anext(reader))
    await asyncio.sleep(0)
    channel.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 5)
