"""Wrappers of hosts that nest what runs there, and reboots of many hosts, over a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import WillingAgents, served
from small_farm import SmallFarm

import opencue
from cuebot.domain.errors import Refused
from cuebot.domain.states import HostState
from cuebot.domain.units import MINUTE
from cuebot.engine.requests import Address
from cuebot.sim.specs import job_spec
from opencue.wrappers.host import Host, NestedHost
from opencue.wrappers.proc import Proc

Output = pytest.CaptureFixture[str]


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """Three hosts, on one of which two frames run."""
    farm = SmallFarm()
    farm.host("a", cores=200)
    farm.launch(job_spec("one"))
    farm.plan()
    farm.host("b")
    farm.host("desk", nimby_enabled=True)
    with served(farm):
        yield farm


def test_the_whiteboard_has_hosts_with_what_runs_there(farm: SmallFarm) -> None:
    """Each can do what a host can, and what runs there what a proc can."""
    hosts = {host.name(): host for host in opencue.api.getHostWhiteboard()}
    assert set(hosts) == {"a", "b", "desk"}
    nested = hosts["a"]
    assert isinstance(nested, NestedHost)
    assert len(nested.children().nested_procs) == 2
    assert [proc.jobName() for proc in nested.getNestedProcs()] == [farm.job("one").name] * 2
    assert nested.lock() == 1
    assert nested.isLocked()
    assert opencue.api.findHost("a").isLocked()
    assert nested.tags() == opencue.api.findHost("a").tags()

    proc = nested.getNestedProcs()[0]
    assert isinstance(proc, Proc)
    assert proc.getJob().name() == farm.job("one").name
    assert proc.children() == []
    assert proc.kill() == 1
    assert len(farm.take_kills()) == 1


def test_a_host_has_booted_since_a_time_or_not(farm: SmallFarm) -> None:
    """By the boot time that the host has told."""
    host = opencue.api.findHost("a")
    assert Host.hasHostRebootedSince(host, host.bootTime() - 1)
    assert not Host.hasHostRebootedSince(host, host.bootTime())


def test_hosts_are_rebooted_a_group_at_a_time(farm: SmallFarm, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """The second group waits for the first; desks are left alone. Nothing happens where the answer is no."""
    farm.host("c")
    monkeypatch.setattr("builtins.input", lambda _: "n")
    Host.rebootFarmSafely(1)
    assert "Canceled" in capsys.readouterr().out

    def boots(_: float) -> None:
        states = [farm.farm.host_named(name).state for name in ("b", "c")]
        assert states == [HostState.REBOOT_WHEN_IDLE, HostState.UP]
        farm.wait(120)
        farm.report("b", boot=True, boot_us=farm.facts("b").boot_us + 60 * MINUTE)

    monkeypatch.setattr("builtins.input", lambda _: "Y")
    monkeypatch.setattr("opencue.reboots.time.sleep", boots)
    since = opencue.api.findHost("b").bootTime() + 1
    Host.rebootFarmSafely(1, since, host=["b", "c", "desk"])
    states = {name: farm.farm.host_named(name).state for name in ("b", "c", "desk")}
    assert states == {"b": HostState.UP, "c": HostState.REBOOT_WHEN_IDLE, "desk": HostState.UP}
    Host.monitorRebootFarm(since, host=["b"])
    assert "1 of 1 hosts have booted." in capsys.readouterr().out


def test_a_host_that_will_not_reboot_keeps_no_group_waiting(
    farm: SmallFarm, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """It is said why, and the next group is told at once."""
    refuses = Refused("the agent of host 'b' does not reboot its machine")

    async def reboot(self: WillingAgents, address: Address, when_idle: bool) -> None:
        if address.host_name == "b":
            raise refuses

    since = opencue.api.findHost("b").bootTime() + 1
    farm.host("c")
    monkeypatch.setattr(WillingAgents, "reboot", reboot)
    monkeypatch.setattr("builtins.input", lambda _: "Y")
    Host.rebootFarmSafely(1, since, host=["b", "c"])
    out = capsys.readouterr().out
    assert "does not reboot its machine; host 'b' stays UP" in out
    assert farm.farm.host_named("c").state is HostState.REBOOT_WHEN_IDLE
