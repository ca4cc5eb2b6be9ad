"""Commands on hosts."""

from __future__ import annotations

from typing import Callable

from cue_cli.cueadmin.lookup import chosenHosts, findAllocation, toMember
from cue_cli.cueadmin.session import Session
from opencue.enums import HardwareState, ThreadMode
from opencue.wrappers.host import Host


def lock(session: Session, names: list[str]) -> None:
    """Start nothing more on hosts."""
    _each(session, chosenHosts(session, names), "locked", lambda host: host.lock())


def unlock(session: Session, names: list[str]) -> None:
    """Let hosts take work again."""
    _each(session, chosenHosts(session, names), "unlocked", lambda host: host.unlock())


def move(session: Session, values: list[str]) -> None:
    """Move hosts to an allocation."""
    hosts, allocation = chosenHosts(session), findAllocation(values[0])
    session.confirm(f"Move {_names(hosts)} to {allocation.name()}")
    _each(session, hosts, f"moved to {allocation.name()}", lambda host: host.setAllocation(allocation))


def delete_host(session: Session, names: list[str]) -> None:
    """Forget hosts."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Delete {_names(hosts)}")
    _each(session, hosts, "deleted", lambda host: host.delete())


def safe_reboot(session: Session, names: list[str]) -> None:
    """Lock hosts and reboot each once nothing runs on it."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Lock {_names(hosts)} and reboot when idle", named=True)
    _each(session, hosts, "will reboot when idle", lambda host: host.rebootWhenIdle())


def repair(session: Session, names: list[str]) -> None:
    """Put hosts into the state REPAIR."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Put {_names(hosts)} into repair")
    _each(session, hosts, "in repair", lambda host: host.setHardwareState(HardwareState.REPAIR))


def fixed(session: Session, names: list[str]) -> None:
    """Put hosts back into the state UP."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Put {_names(hosts)} back to work")
    _each(session, hosts, "up", lambda host: host.setHardwareState(HardwareState.UP))


def tag_host(session: Session, values: list[str]) -> None:
    """Give a host tags."""
    (host,) = chosenHosts(session, values[:1])
    session.confirm(f"Give {host.name()} the tags {', '.join(values[1:])}", named=True)
    host.addTags(values[1:])
    session.report(f"{host.name()}: tagged {', '.join(values[1:])}")


def thread(session: Session, values: list[str]) -> None:
    """Set the thread mode of hosts."""
    mode = toMember(ThreadMode, values[0], "thread mode")
    hosts = chosenHosts(session)
    session.confirm(f"Set the thread mode of {_names(hosts)} to {mode.name}")
    _each(session, hosts, f"thread mode {mode.name}", lambda host: host.setThreadMode(mode))


def _each(session: Session, hosts: list[Host], done: str, act: Callable[[Host], None]) -> None:
    by_name = {host.name(): host for host in hosts}

    def one(name: str) -> None:
        act(by_name[name])
        session.report(f"{name}: {done}")

    session.each(by_name, one)


def _names(hosts: list[Host]) -> str:
    return ", ".join(host.name() for host in hosts)
