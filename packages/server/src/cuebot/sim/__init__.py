"""The simulator: the real core with a simulated clock, hosts and disk.

`seeds` are small farms on which everything goes wrong, to prove that no frame is lost or runs twice. `planning` are
scenarios: farms of any size, to see how they would do. `small_farm` is a farm driven by hand, for tests.
"""

from cuebot.sim.chaos.world import Outcome, run_seed
from cuebot.sim.cli import main

__all__ = ["Outcome", "main", "run_seed"]
