"""Scenarios: the real scheduler on a simulated farm of any size, to see how it would do. `run` is where to begin."""
