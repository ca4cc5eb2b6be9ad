"""`python -m tools.seed N`: a simulated farm under the debugger, which stops where a promise is broken."""

from __future__ import annotations

import argparse
import pdb
import sys
from collections.abc import Sequence

from cuebot.sim.chaos.world import World

STORY_LINES = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one seed. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.seed", description=__doc__)
    parser.add_argument("seed", type=int, help="its number, as `make sim` printed it")
    parser.add_argument("--break-at", metavar="FILE:LINE", help="stop there the first time, such as domain/apply.py:60")
    options = parser.parse_args(arguments)
    world = World(options.seed)

    if options.break_at:
        debugger = pdb.Pdb()
        debugger.rcLines = [f"break cuebot/{options.break_at}", "continue"]
        debugger.runcall(world.run)
        return 0
    try:
        world.run()
    except Exception as error:  # noqa: BLE001 - the outermost border: whatever broke is what is looked at
        print("\n".join(list(world.story)[-STORY_LINES:]))
        print(f"{type(error).__name__}: {error}")
        pdb.post_mortem(error.__traceback__)
        return 1
    print(f"seed {options.seed} kept every promise")
    return 0


if __name__ == "__main__":
    sys.exit(main())
