"""`python -m tools.circles`: no module of ours imports itself by way of others, at the top or inside a function.

Imports for annotations alone (`if TYPE_CHECKING`) load nothing and may go in a circle: a job has layers, a layer a job.
The contracts of import-linter count them.
"""

from __future__ import annotations

import graphlib
import sys
from collections.abc import Sequence

import grimp

PACKAGES = ("cuebot", "rqd", "opencue", "outline", "FileSequence", "cue_cli", "cuefarm_proto")


def find_circle(packages: Sequence[str]) -> list[str]:
    """The modules of a circle, the first again at the end; nothing where there is none."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)}
    try:
        graphlib.TopologicalSorter(imported).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))
    return []


def main(packages: Sequence[str] = PACKAGES) -> int:
    """Say whether there is a circle. Returns the exit status."""
    circle = find_circle(packages)
    if circle:
        print("a circle of imports: " + " imports ".join(circle), file=sys.stderr)
        return 1
    print(f"no circle of imports in {', '.join(packages)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
