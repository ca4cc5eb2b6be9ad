"""The command `rqd`: the runner, which starts the link."""

from __future__ import annotations

import sys
from typing import Optional

from cue_cli import descriptors
from rqd import log, options
from rqd.beforehand import CANNOT_START
from rqd.platform import UnsupportedSystem, this_system

ROOT_UNSAID = (
    "frames of this agent would run as root, since root started it. With --become-job-user each runs as the user of its"
    f" job; if root is meant, say so: --run-as-root, or {options.ROOT_VARIABLE}=1 in the environment. Or start it as"
    " another user"
)


def main(arguments: Optional[list[str]] = None) -> int:
    """Run the agent until it is told to stop; returns the exit status."""
    descriptors.open_missing()
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] in (["stop"], ["restart"]):
        from rqd import control

        return control.main(words)
    given = options.parse(words)
    log.configure("rqd.runner", given.log_level)
    try:
        platform = this_system()
    except UnsupportedSystem as problem:
        log.error(str(problem))
        return 1
    if options.root_unsaid(given):
        log.error(ROOT_UNSAID)
        return CANNOT_START
    from rqd import signals  # only here: elsewhere they cannot even be imported
    from rqd.runner.agent import run_agent

    signals.keep()
    return run_agent(given, platform)


if __name__ == "__main__":
    sys.exit(main())
