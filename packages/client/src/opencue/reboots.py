"""Many hosts are rebooted when idle, a group at a time, by whoever sits at a terminal."""

from __future__ import annotations

import time
from typing import Any, Optional

from opencue import search
from opencue.exception import CueException

POLL_S = 30.0
LEFT_PERCENT = 20
"""The next group follows when so much of one has not booted yet."""


def rebootFarmSafely(host: Any, group_size: int, start_time: Optional[float], hostSearch: dict[str, Any]) -> None:
    """Do what `Host.rebootFarmSafely` says; `host` is that class."""
    if group_size < 1:
        raise ValueError(f"a group is of 1 host or more, not of {group_size}")
    since = time.time() if start_time is None else start_time
    hosts = [
        one
        for one in search.HostSearch.byOptions(**hostSearch)
        if one.isUp() and not one.isNimbyEnabled() and not host.hasHostRebootedSince(one, since)
    ]
    if not hosts:
        print("No host is left to be rebooted.")
        return
    if input(f"Reboot {len(hosts)} hosts when idle, {group_size} at a time? (Y/n) ") != "Y":
        print("Canceled")
        return

    told: list[str] = []
    while hosts:
        group, hosts = hosts[:group_size], hosts[group_size:]
        told += [one.name() for one in group if _takes(one)]
        print(f"{len(told)} were told, {len(hosts)} are to come.")
        while hosts and len(_waiting(host, told, since)) * 100 > group_size * LEFT_PERCENT:
            time.sleep(POLL_S)


def _takes(one: Any) -> bool:
    """Tell a host to reboot when idle; print why where it will not, which keeps no other host waiting."""
    try:
        one.rebootWhenIdle()
    except CueException as error:
        print(error)
        return False
    return True


def monitorRebootFarm(host: Any, start_time: float, hostSearch: dict[str, Any]) -> None:
    """Do what `Host.monitorRebootFarm` says; `host` is that class."""
    while True:
        hosts = search.HostSearch.byOptions(**hostSearch)
        left = [one for one in hosts if not host.hasHostRebootedSince(one, start_time)]
        print(f"{len(hosts) - len(left)} of {len(hosts)} hosts have booted.")
        if not left:
            return
        time.sleep(POLL_S)


def _waiting(host: Any, names: list[str], since: float) -> list[str]:
    """Return those of some hosts that have not booted since a time."""
    found = {one.name(): one for one in search.HostSearch.byOptions(host=names)}
    return [name for name in names if name in found and not host.hasHostRebootedSince(found[name], since)]
