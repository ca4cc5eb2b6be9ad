"""The command `rqd`: the runner, which starts the link."""

from __future__ import annotations

import sys
from typing import Optional

from rqd import log, options


def main(arguments: Optional[list[str]] = None) -> int:
    """Run the agent until it is told to stop; returns the exit status."""
    given = options.parse(sys.argv[1:] if arguments is None else arguments)
    log.configure("rqd.runner", given.log_level)
    from rqd.runner.agent import run_agent  # after parsing: --help and --version stay instant

    return run_agent(given)


if __name__ == "__main__":
    sys.exit(main())
