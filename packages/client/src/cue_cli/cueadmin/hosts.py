"""Commands on hosts."""

from __future__ import annotations

from typing import Callable

from cue_cli.cueadmin.lookup import chosenHosts, findAllocation, toMember
from cue_cli.cueadmin.session import Session
from opencue import api
from opencue.changed import Changed
from opencue.enums import HardwareState, ThreadMode
from opencue.wording import counted, duration
from opencue.wrappers.host import Host

REPORTS_WITHIN_S = 60
"""A host that was heard of so lately has an agent that runs."""


def lock(session: Session, names: list[str]) -> None:
    """Start nothing more on hosts."""
    _each(session, chosenHosts(session, names), lambda host: host.lock(), "locked", "it was locked already")


def unlock(session: Session, names: list[str]) -> None:
    """Let hosts take work again."""
    _each(session, chosenHosts(session, names), lambda host: host.unlock(), "unlocked", "it was not locked")


def move(session: Session, values: list[str]) -> None:
    """Move hosts to an allocation."""
    hosts, allocation = chosenHosts(session), findAllocation(values[0])
    name = allocation.name()
    session.confirm(f"Move {_names(hosts)} to {name}")
    _each(session, hosts, lambda host: host.setAllocation(allocation), f"moved to {name}", f"it was in {name} already")


def delete_host(session: Session, names: list[str]) -> None:
    """Forget hosts; one whose agent still reports is told to be back soon."""
    hosts = chosenHosts(session, names)
    for host in hosts:
        if host.isUp() and host.pingLast() < REPORTS_WITHIN_S:
            session.warn(
                f"{host.name()} reported {duration(host.pingLast())} ago: once deleted, it is back with its agent's "
                "next report. Stop its agent first; or keep the host and start nothing there: "
                f"cueadmin -lock {host.name()}"
            )
    session.confirm(f"Delete {_names(hosts)}{_running(session, hosts)}")
    _each(session, hosts, lambda host: host.delete(), "deleted", "it was deleted already")


def safe_reboot(session: Session, names: list[str]) -> None:
    """Lock hosts and reboot each once nothing runs on it."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Lock {_names(hosts)} and reboot when idle{_running(session, hosts)}", named=True)
    _each(session, hosts, lambda host: host.rebootWhenIdle(), "will reboot when idle", "it is to reboot already")


def repair(session: Session, names: list[str]) -> None:
    """Put hosts into the state REPAIR."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Put {_names(hosts)} into repair{_running(session, hosts)}")
    _set_state(session, hosts, HardwareState.REPAIR, "in repair")


def fixed(session: Session, names: list[str]) -> None:
    """Put hosts back into the state UP."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Put {_names(hosts)} back to work")
    _set_state(session, hosts, HardwareState.UP, "up")


def tag_host(session: Session, values: list[str]) -> None:
    """Give a host tags."""
    (host,) = chosenHosts(session, values[:1])
    session.confirm(f"Give {host.name()} the tags {', '.join(values[1:])}", named=True)
    detail = f"tagged {', '.join(values[1:])}"
    session.changed(host.name(), host.addTags(values[1:]), detail, f"it was {detail} already")


def thread(session: Session, values: list[str]) -> None:
    """Set the thread mode of hosts."""
    mode = toMember(ThreadMode, values[0], "thread mode")
    hosts = chosenHosts(session)
    session.confirm(f"Set the thread mode of {_names(hosts)} to {mode.name}")
    detail = f"thread mode {mode.name}"
    _each(session, hosts, lambda host: host.setThreadMode(mode), detail, f"{detail} already")


def _set_state(session: Session, hosts: list[Host], state: int, detail: str) -> None:
    _each(session, hosts, lambda host: host.setHardwareState(state), detail, f"it was {detail} already")


def _each(session: Session, hosts: list[Host], act: Callable[[Host], Changed], done: str, nothing: str) -> None:
    by_name = {host.name(): host for host in hosts}
    session.each(by_name, lambda name: session.changed(name, act(by_name[name]), done, nothing))


def _running(session: Session, hosts: list[Host]) -> str:
    """How many frames run on hosts, for somebody who is asked."""
    if not session.asks:
        return ""
    running = len(api.getProcs(host=[host.name() for host in hosts]))
    return f": {counted(running, 'frame')} running there" if running else ""


def _names(hosts: list[Host]) -> str:
    return ", ".join(host.name() for host in hosts)
