"""The command `rqd`: the runner, which starts the link."""

from __future__ import annotations

import sys
from typing import Optional

from rqd import log, options
from rqd.platform import UnsupportedSystem, this_system


def main(arguments: Optional[list[str]] = None) -> int:
    """Run the agent until it is told to stop; returns the exit status."""
    given = options.parse(sys.argv[1:] if arguments is None else arguments)
    log.configure("rqd.runner", given.log_level)
    try:
        platform = this_system()
    except UnsupportedSystem as problem:
        log.error(str(problem))
        return 1
    if options.root_unsaid(given):
        log.warning(
            "frames run as root; --become-job-user makes them their users', --run-as-root says that it is meant"
        )
    from rqd.runner.agent import run_agent  # only here: elsewhere it cannot even be imported

    return run_agent(given, platform)


if __name__ == "__main__":
    sys.exit(main())
