"""What `cuefarm doctor` finds out about a farm that runs, in this folder or anywhere: by asking its server."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any

from cuebot.app import doctor_doors
from cuebot.app.data_folder import DataFolder
from cuebot.app.finding import Finding
from cuebot.domain.units import SECOND
from cuebot.web.health import UNWRITABLE
from opencue import config, running_farms
from opencue.doors import SYSTEM_USER, is_told_of
from opencue.wording import counted

SILENT_SECONDS = 35
"""Agents report every ten seconds: three reports are missing."""
HOSTS_LISTED_MAX = 20
TIMEOUT_MS = 5_000
READY_BYTES_MAX = 64 * 1024
NEVER_HEARD = "not heard since the server started"


def client_addresses() -> tuple[list[str], str]:
    """Where programs on this machine look for the farm, and who says so. No address: they cannot tell."""
    if hosts := config.hosts_from_environment():
        variable = "CUEBOT_HOSTS" if os.environ.get("CUEBOT_HOSTS") else "OPENCUE_HOSTS"
        return hosts, f"the environment says so ({variable})"
    loaded = config.load_config_from_file()
    if config.names_a_server(loaded):
        facility = config.facility_from_environment() or str(loaded["cuebot.facility_default"])
        hosts = config.hosts_of_facility(loaded, facility)
        path = config.file_in_use()
        who = f"the configuration file {path}" if path else "the environment (CUEBOT_FACILITY)"
        return hosts, f"facility {facility} of {who}"
    if running_farms.something_listens(running_farms.DEFAULT_ADDRESS):
        return [running_farms.DEFAULT_ADDRESS], "the default, since nothing else is said"
    farms = running_farms.found()
    if len(farms) == 1:
        return [farms[0].address], f"the one farm of yours that runs on this machine ({farms[0].place})"
    if farms:
        return [], "; ".join(f"{farm.address} ({farm.place})" for farm in farms)
    return [running_farms.DEFAULT_ADDRESS], "the default, since nothing else is said; nothing listens there"


def clients(address: str | None, *, asked_for: bool = False) -> Iterator[Finding]:
    """Whether programs on this machine find the farm at `address`, or any.

    A farm that was asked for by its address may be another than that of the clients: that is then a note, no fault.
    """
    try:
        addresses, why = client_addresses()
    except ValueError as error:
        yield Finding("clients", False, str(error), "mend that, or name the server with CUEBOT_HOSTS=HOST:PORT")
        return
    if not addresses:
        remedy = f"choose one of them: export CUEBOT_HOSTS={address or 'HOST:PORT'}"
        yield Finding("clients", asked_for, f"find several farms of yours: {why}", remedy)
        return
    found = f"use {', '.join(addresses)}: {why}"
    if os.environ.get("CUEBOT_HOSTS") and config.file_in_use():
        found += f"; it wins over the configuration file {config.file_in_use()}"
    if address is None or any(same(address, one) for one in addresses):
        yield Finding("clients", True, found)
        return
    remedy = f"to use {address}: export CUEBOT_HOSTS={address}"
    found += f"; that is not the farm at {address}"
    yield Finding("clients", asked_for, f"{found}; {remedy}" if asked_for else found, remedy)


def farm(address: str, start_again: str | None = None, http: str | None = None) -> Iterator[Finding]:
    """Whether a server answers, can be relied on, and which of its hosts cannot work.

    `start_again` is the remedy where none answers; `http` is where it is asked whether it is ready, if that is known.
    """
    import opencue
    from opencue.cuebot import Cuebot

    started = time.perf_counter()
    try:
        Cuebot.Timeout = TIMEOUT_MS
        Cuebot.setHosts([address])
        hosts = opencue.api.getHosts()
    except opencue.exception.ConnectionException as error:
        found = f"{address} does not: {_first_sentence(error)}"
        yield Finding(
            "farm answers", False, found, start_again or "look whether a server runs there, and what its log says"
        )
        return
    except opencue.CueException as error:  # it does, and says no: its words tell what to do
        found, _, remedy = str(error).partition(". ")
        yield Finding("farm answers", False, found, remedy or "do what this says; `cueadmin -lh` says it too")
        return
    yield Finding("farm answers", True, f"{address} in {1000 * (time.perf_counter() - started):.0f} ms")
    yield from _readiness(_http_of(address) or http)
    rivals: set[str] = set()
    stopped: set[str] = set()
    with contextlib.suppress(opencue.exception.NotOfferedException):  # another server, or one of an earlier version
        answer = opencue.api.getDoors()
        yield from doctor_doors.doors(answer)
        with contextlib.suppress(opencue.exception.CueException):  # they cannot be counted now: what is wrong was told
            yield _finished_jobs(opencue.api.getRetention())
        rivals = {agent.name for agent in answer.refused if agent.code == "NAME_TAKEN"}
        stopped = set(answer.stopped_hosts)
    yield from _hosts(hosts, address, rivals, stopped)


def _finished_jobs(kept: Any) -> Finding:
    """How many there are, and what becomes of them."""
    found = f"{kept.jobs_in_memory:,} in memory, {kept.jobs_on_disk:,} on disk"
    if kept.jobs_on_disk:
        first = time.strftime("%Y-%m-%d", time.gmtime(kept.first_stopped_us / SECOND))
        found += f", the oldest from {first}"

    which = f"the youngest {kept.finished_jobs_kept:,}" if kept.finished_jobs_kept else "all"
    how_long = f"for {counted(kept.finished_jobs_kept_days, 'day')}" if kept.finished_jobs_kept_days else "for ever"
    return Finding("finished jobs", True, f"{found}; of those on disk {which} are kept, {how_long}")


def _http_of(address: str) -> str | None:
    """Where the server at a gRPC address is asked over HTTP, if it is this user's and runs on this machine."""
    return next((farm.http for farm in running_farms.found() if farm.http and same(farm.address, address)), None)


def _readiness(http: str | None) -> Iterator[Finding]:
    """What the server itself says that it cannot do now. Over gRPC only a change would find out."""
    if http is None:
        return
    reasons = _why_not_ready(http)
    if not reasons:
        yield Finding("database", True, "can be written")
    for reason in reasons:
        if reason.startswith(UNWRITABLE):
            found = f"cannot be written:{reason.removeprefix(UNWRITABLE)}; changes are refused until it can be"
            remedy = (
                "mend the database or its disk; the server goes on by itself, or ends within a minute to be started"
            )
            yield Finding("database", False, found, f"{remedy} again")
        else:
            yield Finding("ready", False, reason, "wait a moment, and look at what the server's log says")


def _why_not_ready(http: str) -> list[str]:
    """What /readyz says. No proxy is asked."""
    host, _, port = http.rpartition(":")
    connection = HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_MS / 1_000)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = json.loads(response.read(READY_BYTES_MAX))
        ready, reasons = bool(body["ready"]), [str(reason) for reason in body.get("reasons", ())]
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        return [f"http://{http}/readyz does not answer: {getattr(error, 'strerror', None) or error}"]
    finally:
        connection.close()
    return reasons if ready or reasons else [f"http://{http}/readyz says no, and not why"]


def _hosts(
    hosts: list[Any], address: str, rivals: Collection[str] = (), stopped: Collection[str] = ()
) -> Iterator[Finding]:
    """What is to be told of hosts.

    `rivals` are the names of agents that were told of already, since another has their name; `stopped` those of hosts
    whose agents were told to stop.
    """
    in_order = sorted(hosts, key=lambda host: str(host.name()))
    troubled = [finding for host in in_order for finding in _host(host, rivals, stopped)]
    down = {finding.what for finding in troubled if not finding.ok} | {f"host {name}" for name in stopped}
    well = len({f"host {host.name()}" for host in hosts} - down)
    start = f"start an agent on each host: rqd --server {address} --token-file FILE"
    if hosts:
        yield Finding("hosts", well > 0, f"{well} of {len(hosts)} can work", f"{start}, or mend those below")
    else:
        remedy = start
        yield Finding("hosts", False, "none has reported to this farm yet", remedy)
    yield from troubled[:HOSTS_LISTED_MAX]
    if len(troubled) > HOSTS_LISTED_MAX:
        yield Finding("more hosts", True, f"{len(troubled) - HOSTS_LISTED_MAX} lines more; see cueadmin -lh")


def _host(host: Any, rivals: Collection[str], stopped: Collection[str]) -> Iterator[Finding]:
    name = f"host {host.name()}"
    silent_s = host.pingLast() if host.data.ping_time else None
    heard = NEVER_HEARD if silent_s is None else f"last report {_ago(silent_s)}"
    delete = f"if it is gone for good: cueadmin -delete-host {host.name()}"
    if host.name() in stopped:
        yield Finding(name, True, f"its agent was stopped, {heard}; start `rqd` there to have it back, or {delete}")
    elif not host.isUp():
        state = host.HardwareState(host.state()).name
        yield Finding(name, False, f"{state}, {heard}", f"start `rqd` there and read what it says; {delete}")
    elif silent_s is None:
        yield Finding(name, False, heard, f"wait a moment after a restart; then start `rqd` there; {delete}")
    elif silent_s > SILENT_SECONDS:
        yield Finding(name, False, f"silent, {heard}", f"look at its network and at what its `rqd` says; {delete}")
    if host.isLocked():
        yield Finding(name, True, f"locked by a person; cueadmin -unlock {host.name()} opens it")
    if host.isCommented():
        for comment in host.getComments():
            if is_told_of(host, comment, rivals):
                continue
            if comment.user() == SYSTEM_USER:  # the farm remarks on a fault
                yield Finding(name, False, f"{comment.subject()}: {comment.message()}", "do what it says")
            else:
                yield Finding(name, True, f"comment of {comment.user()}: {comment.subject()}")


def local_agents(folder: DataFolder, facts: dict[str, Any]) -> Iterator[Finding]:
    """Whether the agents that `up` keeps on this machine run."""
    running = folder.running_agents()
    for name in sorted({*facts.get("agents", ()), *running}):
        if name in running:
            yield Finding("agent", True, f"{name} runs (pid {running[name].pid})")
            continue
        log = folder.run / f"agent-{name}.log"
        detail = _last_line(log)
        yield Finding(
            "agent",
            False,
            f"{name} does not run" + (f"; it said last: {detail}" if detail else ""),
            f"mend what {log} says; `cuefarm up` starts the agent again by itself, within a minute",
        )


def _last_line(path: Any) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""


def same(one: str, other: str) -> bool:
    """Two ways to write one address of this machine."""
    return _plain(one) == _plain(other)


def _plain(address: str) -> str:
    host, _, port = (address if ":" in address else f"{address}:8443").rpartition(":")
    return f"{'localhost' if host in ('127.0.0.1', '[::1]') else host}:{port}"


def _first_sentence(error: Exception) -> str:
    detail = str(error).removeprefix("Unable to contact grpc server. ")
    return detail.partition(". ")[0]


def _ago(seconds: int) -> str:
    if seconds < 120:
        return f"{max(0, seconds)} s ago"
    if seconds < 7200:
        return f"{seconds // 60} min ago"
    return f"{seconds // 3600} h ago" if seconds < 172_800 else f"{seconds // 86_400} days ago"
