"""What this host says of itself in every report."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from typing import Any

import psutil
from opencue_proto import host_pb2, report_pb2

from rqd import __version__, log
from rqd.options import Options

KB = 1024


def lease_told(options: Options) -> str:
    """How long frames go on without an answer from the server, as it is told: `none` where nothing ever stops them."""
    return "none" if options.on_lost_contact == "continue" else f"{options.lease_seconds:g}"


class Host:
    """Facts about the machine: those that stay are read once, the others for each report."""

    # GPUs and NIMBY (is somebody sitting at this desk?) are not looked for: their fields of RenderHost stay empty.

    def __init__(self, options: Options, address: str, known: Mapping[str, Any]) -> None:
        """`known` is the runner's answer to the link's hello."""
        self.is_stopping = False
        self._options = options
        self._sockets, self._cores, self._threads_per_core, self._memory_kb = known["size"]
        self._attributes = {
            "SP_OS": platform.system().lower(),
            "hyperthreadingMultiplier": str(self._threads_per_core),
            "cuefarm.agent": __version__,
            "cuefarm.address": address,
            "cuefarm.instance": known["instance"],
            "cuefarm.lease_seconds": lease_told(options),
        }
        if known["succeeds"]:
            self._attributes["cuefarm.succeeds"] = " ".join(known["succeeds"])
        word_size = "64bit" if sys.maxsize > 2**32 else "32bit"
        self._tags = [f"rqdv-{__version__}", *options.tags, word_size, platform.release()]
        self._boot_time = known["boot_time"]

    def message(self, closed: str = "") -> Any:
        """Measure now, as the wire wants it: KiB, hundredths of a core, load times a hundred.

        `closed` are words why no launch is taken.
        """
        attributes = {**self._attributes, "cuefarm.closed": closed} if closed else self._attributes
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        disk_kb, free_disk_kb = self._disk()
        load = os.getloadavg()[0] * 100 / self._threads_per_core
        return report_pb2.RenderHost(
            name=self._options.name,
            facility=self._options.facility,
            num_procs=self._sockets,
            cores_per_proc=self._cores * 100 // self._sockets,
            total_mem=self._memory_kb,
            free_mem=min(self._memory_kb, memory.available // KB),
            total_swap=swap.total // KB,
            free_swap=swap.free // KB,
            total_mcp=disk_kb,
            free_mcp=free_disk_kb,
            load=int(load),
            boot_time=self._boot_time,
            tags=self._tags,
            state=host_pb2.DOWN if self.is_stopping else host_pb2.UP,
            attributes=attributes,
        )

    def _disk(self) -> tuple[int, int]:
        """Size and free room of the disk that frames work on; none where the folder is gone, so nothing is booked."""
        try:
            disk = os.statvfs(self._options.temp)
        except OSError as problem:
            log.error("working folder of frames cannot be measured", folder=self._options.temp, why=problem.strerror)
            return 0, 0
        return disk.f_blocks * disk.f_frsize // KB, disk.f_bavail * disk.f_frsize // KB
