"""The plugin behind `pycuerun -L`: frames of the job also run on this machine, for whoever launches it.

The machine has to be a host of the farm. Whoever launches becomes its owner, and the job says how much of the machine
it may use (`localbook` of the job specification). A server without local bookings says so in a warning.
"""

from __future__ import annotations

import os
from typing import Any, Dict

from outline import util
from outline.event import BEFORE_LAUNCH
from outline.exception import FailImmediately


def init_cuerun_plugin(cuerun: Any) -> None:
    """Add the options, and listen for the launch."""
    parser = cuerun.get_parser()
    parser.add_plugin_option(
        "-L", "--run-local", type="int", metavar="CORES", help="let the job use that many cores of this machine, too"
    )
    parser.add_plugin_option(
        "-T",
        "--run-local-threads",
        type="int",
        metavar="CORES",
        help="with -L: cores that a frame uses here [all that -L gives]",
    )
    cuerun.add_event_listener(BEFORE_LAUNCH, lambda event: before_launch(cuerun, event))


def before_launch(cuerun: Any, event: Any) -> None:
    """Take this machine for the launch, where the line asked for it.

    Raises:
        FailImmediately: the options make no sense, or the server does not give the machine.
    """
    options = cuerun.get_parser().values
    cores, threads = options.run_local, options.run_local_threads
    if cores is None:
        if threads is not None:
            raise FailImmediately("--run-local-threads goes with --run-local CORES")
        return
    if cores < 1 or not 1 <= (threads or cores) <= cores:
        raise FailImmediately(f"-L {cores} -T {threads or cores}: a frame gets 1 core or more, of those that -L gives")
    import socket  # only who launches with these options needs it

    outline = event.outline
    host = socket.gethostname()
    _take(outline, host)
    outline.set_arg("localbook", local_booking(host, cores, threads or cores))


def _take(outline: Any, host: str) -> None:
    from opencue.exception import CueException

    try:
        take_ownership(outline.get_user(), outline.get_show() or util.get_show(), host)
    except CueException as error:
        raise FailImmediately(f"{host} cannot be had for the job: {error}") from None


def local_booking(host: str, cores: int, threads: int) -> Dict[str, Any]:
    """Return what the job specification says of it: half of the machine's memory, in KB."""
    return {"host": host, "cores": cores, "memory": str(memory_kb() // 2), "threads": threads, "gpu": 0}


def take_ownership(user: str, show: str, host: str) -> None:
    """Make a user the owner of a host; the owner is made where the farm does not have it yet."""
    from opencue.exception import EntityNotFoundException
    from opencue.rpc import call

    try:
        owner = call("owner", "GetOwner", name=user).owner
    except EntityNotFoundException:
        found = call("show", "FindShow", name=show).show
        owner = call("show", "CreateOwner", show=found, name=user).owner
    call("owner", "TakeOwnership", owner=owner, host=host)


def memory_kb() -> int:
    """Return how much memory this machine has.

    Raises:
        FailImmediately: it is one of Windows, which tells it in another way.
    """
    if not hasattr(os, "sysconf"):
        raise FailImmediately("--run-local is for machines with Linux or macOS")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
