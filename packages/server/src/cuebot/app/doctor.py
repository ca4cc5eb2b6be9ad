"""`cuefarm doctor`: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cuebot.app import demo_extra, doctor_doors, doctor_farm
from cuebot.app.config import ConfigWrong, load
from cuebot.app.data_folder import DataFolder
from cuebot.app.finding import Finding
from cuebot.app.listening import address_problem
from opencue import running_farms
from opencue.wording import counted
from rqd import open_files

FREE_DISK_MIN_BYTES = 2 * 10**9


def doctor(data: Path, *, grpc: str | None, as_json: bool) -> int:
    """Look at everything and print it. Returns 0 when all is well."""
    findings = list(examine(DataFolder(data), grpc))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what:<18} {' '.join(finding.found.split())}")
            if not finding.ok:
                print(f"      {'':<18} mend it: {finding.remedy}")
    return 0 if all(finding.ok for finding in findings) else 1


def examine(folder: DataFolder, grpc: str | None) -> Iterator[Finding]:
    """Look at Python, packages, clock, the folder of `up`, the clients' settings, and a farm that runs.

    The farm is the one at `grpc`, else the one that runs on the folder, else the one that clients would use.
    """
    yield _python()
    yield from _packages()
    yield _clock()
    yield _open_files()
    yield _configuration(folder)
    here = folder.announced()
    address = grpc or (here["grpc"] if here else None)
    is_elsewhere = grpc is not None and (here is None or here["grpc"] != grpc)
    used = _used_by_clients()
    if not is_elsewhere and (folder.path.exists() or not used):
        yield from _folder(folder)
    if here and not is_elsewhere:
        yield Finding("farm", True, f"runs on {folder.path} (pid {here['pid']}, gRPC {here['grpc']})")
        yield from doctor_farm.local_agents(folder, here)
        yield from doctor_doors.encryption(here["http"])
    yield from doctor_farm.clients(address, asked_for=grpc is not None)
    address = address or used
    if address:
        yield from doctor_doors.clients_token(folder, address)
        yield from doctor_farm.farm(
            address, None if here or is_elsewhere else _start_again(folder, address), _http(here, address)
        )
        return
    if running_farms.found():  # the clients' line has named them
        yield Finding("farm", True, "none is looked at; choose one with --grpc HOST:PORT")
        return
    if folder.last_addresses():
        yield Finding("farm", True, f"does not run; `cuefarm up --data {folder.path}` starts it")
    else:
        yield Finding("farm", True, "none runs here; `cuefarm up` starts one, or name one with --grpc HOST:PORT")
    yield _port("gRPC port", "127.0.0.1:8443", "--grpc")
    yield _port("HTTP port", "127.0.0.1:8448", "--http")


def _configuration(folder: DataFolder) -> Finding:
    """What a server of this folder, or of this machine, would be started with."""
    try:
        config = load(folder=folder.path)
    except ConfigWrong as error:
        remedy = "mend what is named; `cuefarm config --check` looks at it again"
        return Finding("configuration", False, "; ".join(error.problems), remedy)
    chosen = sum(value.source != "default" for value in config.values)
    return Finding("configuration", True, f"{config.file or 'no file'}; {counted(chosen, 'value')} not the default")


def _http(here: dict[str, Any] | None, address: str) -> str | None:
    """Where the farm of a folder is asked over HTTP, if that is the one that is looked at."""
    return str(here["http"]) if here and doctor_farm.same(here["grpc"], address) else None


def _start_again(folder: DataFolder, address: str) -> str | None:
    """How to start the farm of a folder that has had one, where that is the one that does not answer."""
    last = folder.last_addresses()
    if last is None:
        return None
    if doctor_farm.same(last[0], address):
        where = "" if running_farms.is_default(last[0]) else f" --grpc {last[0]}"
        return f"the farm in {folder.path} was there; to start it: cuefarm up --data {folder.path}{where}"
    return f"the farm in {folder.path} does not run either; to start that: cuefarm up --data {folder.path}"


def _used_by_clients() -> str | None:
    """The server that clients use where they are told one, or one can be reached."""
    try:
        addresses, _ = doctor_farm.client_addresses()
    except ValueError:
        return None
    told = [address for address in addresses if address != running_farms.DEFAULT_ADDRESS]
    return next((address for address in addresses if running_farms.something_listens(address)), None) or next(
        iter(told), None
    )


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return Finding("Python", ok, f"{version} at {sys.executable}", "install Python 3.11 or newer and make a new .venv")


def _packages() -> Iterator[Finding]:
    versions = {}
    for name in ("cuefarm", "cuefarm-agent", "cuefarm-client"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, False, "not installed", f"pip install {name}")
    if len(set(versions.values())) > 1:
        yield Finding("versions", False, str(versions), "install the same version of all three")
    elif versions:
        yield Finding("packages", True, f"{', '.join(versions)} {next(iter(versions.values()))}")
    for upstream in ("opencue-pycue", "opencue-pyoutline", "opencue-rqd"):
        try:
            found = importlib.metadata.version(upstream)
        except importlib.metadata.PackageNotFoundError:
            continue
        yield Finding(upstream, False, f"{found} shares files with ours", f"pip uninstall {upstream}")
    missing = demo_extra.missing()
    found = (
        "installed"
        if not missing
        else f"not installed ({', '.join(missing)}); only `cuefarm demo` needs it: {demo_extra.INSTALL}"
    )
    yield Finding("demo extra", True, found)


def _clock() -> Finding:
    year = time.gmtime().tm_year
    ok = 2024 <= year < 2100
    return Finding(
        "clock", ok, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), "set the date; run an NTP client"
    )


def _open_files() -> Finding:
    most = open_files.may_open()
    return Finding(
        "open files",
        most >= open_files.FEW,
        f"a server of this user has at most {most} open, connections among them",
        f"allow {open_files.FEW} or more: LimitNOFILE= in the unit of systemd, `hard nofile` in"
        " /etc/security/limits.conf, or `ulimit -Hn` of whoever starts it",
    )


def _folder(folder: DataFolder) -> Iterator[Finding]:
    path = folder.path
    while not path.exists():
        path = path.parent
    ok = os.access(path, os.W_OK | os.X_OK)
    exists = "exists" if folder.path.exists() else "`cuefarm up` makes it"
    yield Finding("folder", ok, f"{folder.path} ({exists})", f"make {path} writable, or use --data DIR")
    usage = shutil.disk_usage(path)
    ok = usage.free >= FREE_DISK_MIN_BYTES and usage.free * 100 >= usage.total * 5
    found = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.0f} GB"
    yield Finding("disk", ok, found, "free some space: below 2 GB or 5 % hosts are not booked and logs may be lost")
    yield from doctor_doors.files(folder)


def _port(what: str, address: str, option: str) -> Finding:
    host, _, port = address.rpartition(":")
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:
        remedy = f"start the farm on another port: cuefarm up {option} {host}:0 takes a free one"
        return Finding(what, False, f"{address} {address_problem(error)}", remedy)
    return Finding(what, True, f"{address} is free")
