"""The simulator: one seed drives the real core with a simulated clock, network, hosts and disk, faults included.

The world's truth (`truth`, `hosts`, `disk`) is kept apart from the server's books. Invariants compare both after every
event: `truth` knows what really runs, `witness` reads what became durable and has its own idea of the rules.
"""

from cuebot.sim.cli import main
from cuebot.sim.world import Outcome, run_seed

__all__ = ["Outcome", "main", "run_seed"]
