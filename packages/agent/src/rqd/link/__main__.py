"""The link's process, started by the runner only."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from cue_cli import descriptors
from rqd import log, open_files, options, signals

RUNNER_LOST = 3
REVIVAL_SECONDS = 0.5


def main() -> int:
    """Serve until the runner says stop; where the runner dies instead, become a new one."""
    descriptors.open_missing()
    # Whoever stops an agent signals all of it. The runner decides; the link has outcomes to deliver until it is told.
    for number in signals.ALL:
        signal.signal(number, signal.SIG_IGN)
    parser = argparse.ArgumentParser(prog="rqd.link")
    parser.add_argument("--runner-fd", type=int, required=True)
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    agent_options = options.parse(given.arguments)
    log.configure("rqd.link", agent_options.log_level)
    open_files_before = open_files.raise_limit()  # of its server; it starts no frames
    from rqd.link.process import run_link

    status = run_link(agent_options, given.runner_fd)
    if status == RUNNER_LOST:
        log.error("runner died; starting another in its place")
        time.sleep(REVIVAL_SECONDS)  # a runner that dies at once must not keep a core busy
        # It ignores them as a link. What comes before it can act on it as a runner is kept for then.
        signals.keep()
        open_files.put_back(open_files_before)  # frames get what the agent was started with
        os.execv(sys.executable, [sys.executable, "-m", "rqd", *given.arguments])
    return status


if __name__ == "__main__":
    sys.exit(main())
