"""How much memory there is: of the machine, and where control groups (v2) allow less, of those.

What a run holds: `supervisor/program/run_memory.c`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from rqd.platform import proc
from rqd.platform.port import Memory

KB = 1024


def machine() -> Memory:
    """All memory of this machine, and what of it can be had without swapping."""
    data = b"\n" + proc.read("/proc/meminfo")
    return Memory(proc.number_after(data, b"\nMemTotal:"), proc.number_after(data, b"\nMemAvailable:"))


def own_cgroups() -> list[str]:
    """The folders of the control groups that this process is in, from its own upwards."""
    lines = proc.read("/proc/self/cgroup").decode("utf-8", "replace").splitlines()
    path = next((line[len("0::") :] for line in lines if line.startswith("0::")), None)
    mounts = (line.split() for line in proc.read("/proc/self/mountinfo").decode("utf-8", "replace").splitlines())
    mount = next((fields for fields in mounts if "cgroup2" in fields[fields.index("-") :][1:2]), None)
    if path is None or mount is None:
        return []
    root, top = mount[3:5]
    folders, folder = [], os.path.normpath(f"{top}/{os.path.relpath(path, root)}")
    while folder.startswith(top):
        folders.append(folder)
        folder = os.path.dirname(folder)
    return folders


def narrowest(cgroups: Iterable[str]) -> Memory:
    """Of the machine and these control groups, the one with the least memory left."""
    bounds = [machine(), *(bound for folder in cgroups if (bound := _bound_of(folder)) is not None)]
    return min(bounds, key=lambda bound: bound.available_kb)


def _bound_of(folder: str) -> Memory | None:
    """What a control group may still take; pages of files that nobody uses are given back when they are wanted."""
    most, current = proc.read(f"{folder}/memory.max").strip(), proc.read(f"{folder}/memory.current").strip()
    if not most.isdigit() or not current.isdigit():
        return None
    unused = proc.number_after(b"\n" + proc.read(f"{folder}/memory.stat"), b"\ninactive_file ")
    return Memory(int(most) // KB, max(0, int(most) - int(current) + unused) // KB)
