"""Ending frames that go on although their agent is gone, without another agent and without a server."""

from __future__ import annotations

import os
import signal
import time

from rqd import options
from rqd.platform import Platform
from rqd.runner.capacity import Capacity
from rqd.runner.lease import Lease
from rqd.runner.loop import Loop
from rqd.runner.runs import POLICIES, Runs
from rqd.runner.spool import Spool

_LOOK_SECONDS = 0.05


def end_frames(folder: str, platform: Platform, patience_seconds: float) -> int:
    """End all frames of a spool; returns how many are left. The next agent there tells the server how they ended.

    Raises SpoolInUse where an agent has come meanwhile.
    """
    spool = Spool(folder, platform.boot_seconds)
    try:
        head = spool.book.head
        loop = Loop()
        runs = Runs(
            options=_options_of(folder, head["host_name"], head["servers"], head["policy"]),
            platform=platform,
            loop=loop,
            spool=spool,
            capacity=Capacity(0, 0),
            lease=Lease(options.DEFAULT_LEASE_SECONDS, platform.boot_seconds()),
            on_outcome=lambda _: None,
        )
        loop.on_signal(signal.SIGCHLD, lambda: runs.reap(()))
        runs.recover()
        runs.end_all("shutdown", "it was stopped after its agent had gone")
        until = time.monotonic() + patience_seconds
        while runs.live_count and time.monotonic() < until:
            loop.call_later(_LOOK_SECONDS, lambda: None)
            loop.turn(wait=True)
        return runs.live_count
    finally:
        spool.close()


def _options_of(folder: str, host_name: str, servers: str, policy: int) -> options.Options:
    """Those of the agent that is gone, as far as they matter. Nobody is spoken to, so no token counts."""
    arguments = ["--spool", folder, "--name", host_name, "--token-file", os.devnull]
    arguments += ["--on-lost-contact", next((word for word, number in POLICIES.items() if number == policy), "suspend")]
    return options.parse([*arguments, "--server-file" if os.path.isabs(servers) else "--server", servers])
