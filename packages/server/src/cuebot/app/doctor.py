"""`cuefarm doctor`: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cuebot.app.data_folder import DataFolder

FREE_DISK_MIN_BYTES = 2 * 10**9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def doctor(data: Path, *, grpc: str, http: str, as_json: bool) -> int:
    """Look at everything and print it. Returns 0 when all is well."""
    findings = list(examine(DataFolder(data), grpc, http))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what:<18} {finding.found}")
            if not finding.ok:
                print(f"      {'':<18} mend it: {finding.remedy}")
    return 0 if all(finding.ok for finding in findings) else 1


def examine(folder: DataFolder, grpc: str, http: str) -> Iterator[Finding]:
    """Look at Python, packages, clock, folder, disk, ports, and the farm that may be running."""
    yield _python()
    yield from _packages()
    yield _clock()
    yield _folder(folder)
    yield _disk(folder)
    facts = folder.announced()
    if facts:
        yield Finding("farm", True, f"runs (pid {facts['pid']}, gRPC {facts['grpc']})")
        yield _answers(facts["grpc"])
        for name, process in folder.running_agents().items():
            yield Finding("agent", True, f"{name} runs (pid {process.pid})")
    else:
        yield Finding("farm", True, "does not run here; `cuefarm up` starts it")
        yield _port("gRPC port", grpc, "--grpc")
        yield _port("HTTP port", http, "--http")


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
    missing = [m for m in ("mitsuba", "OpenImageIO", "imageio_ffmpeg", "rich") if importlib.util.find_spec(m) is None]
    found = (
        "installed"
        if not missing
        else f"not installed ({', '.join(missing)}); only `cuefarm demo` needs it: pip install 'cuefarm[demo]'"
    )
    yield Finding("demo extra", True, found)


def _clock() -> Finding:
    year = time.gmtime().tm_year
    ok = 2024 <= year < 2100
    return Finding(
        "clock", ok, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), "set the date; run an NTP client"
    )


def _folder(folder: DataFolder) -> Finding:
    path = folder.path
    while not path.exists():
        path = path.parent
    ok = os.access(path, os.W_OK | os.X_OK)
    exists = "exists" if folder.path.exists() else "will be made"
    return Finding("folder", ok, f"{folder.path} ({exists})", f"make {path} writable, or use --data DIR")


def _disk(folder: DataFolder) -> Finding:
    path = folder.path
    while not path.exists():
        path = path.parent
    usage = shutil.disk_usage(path)
    ok = usage.free >= FREE_DISK_MIN_BYTES and usage.free * 100 >= usage.total * 5
    found = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.0f} GB"
    return Finding("disk", ok, found, "free some space: below 2 GB or 5 % hosts are not booked and logs may be lost")


def _port(what: str, address: str, option: str) -> Finding:
    host, _, port = address.rpartition(":")
    try:
        socket.create_server((host.strip("[]"), int(port))).close()
    except (OSError, ValueError) as error:
        return Finding(what, False, f"{address}: {error}", f"end what listens there, or use {option} {host}:0")
    return Finding(what, True, f"{address} is free")


def _answers(address: str) -> Finding:
    import opencue

    os.environ["CUEBOT_HOSTS"] = address
    started = time.perf_counter()
    try:
        opencue.api.getSystemStats()
    except opencue.CueException as error:
        return Finding("farm answers", False, str(error), "look at its messages; restart `cuefarm up`")
    return Finding("farm answers", True, f"in {1000 * (time.perf_counter() - started):.0f} ms")
