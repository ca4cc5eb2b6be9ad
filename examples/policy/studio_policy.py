"""A policy to start from: which hosts a frame may use, which it likes best, and which job comes first.

Install it beside the server (`pip install examples/policy`), and `cuefarm up` finds it by the entry point in
pyproject.toml. All three functions are optional. Cores are hundredths (100 is one core), memory is KiB.
"""

from __future__ import annotations

import numpy as np

GIB = 1_048_576
SMALL_JOB_FRAMES = 20


def allow_hosts(request, hosts):
    """Keep small frames off the machines that were bought for simulations, which have the tag `bigmem`."""
    if request.memory >= 32 * GIB:
        return np.ones(len(hosts), dtype=bool)
    return ~hosts.tagged("bigmem")


def rank_hosts(request, hosts):
    """Prefer hosts that keep the most memory for each core that stays idle, so that no cores are stranded."""
    idle_cores = np.maximum(hosts.idle_cores - max(request.cores, 0), 1)
    idle_memory = hosts.idle_memory - request.memory
    return -(idle_memory / idle_cores)


def rank_jobs(jobs):
    """Let jobs that are nearly done, and small ones, come first within their show and tier."""
    nearly_done = jobs.done >= 0.9 * jobs.frames
    small = jobs.frames <= SMALL_JOB_FRAMES
    return np.where(nearly_done | small, 0, 1)
