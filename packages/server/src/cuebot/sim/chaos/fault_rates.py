"""What goes wrong in one simulation: a random subset of faults, each with a rate of its own.

They are carried out by `host_faults` (machines, agents, the disk), `supervisor_faults` (single processes), `network`
(messages) and `server` (commits, crashes).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities of each fault; `..._every_s` are mean seconds between two on the whole farm, 0 for never."""

    request_lost: float = 0.0
    reply_lost: float = 0.0
    late: float = 0.0
    duplicated: float = 0.0
    launch_refused: float = 0.0
    frame_fails: float = 0.0
    out_of_memory: float = 0.0
    """How many frames need more memory than was asked for."""
    resized: float = 0.0
    """How often a host that comes up again has other cores or memory."""
    commit_fails: float = 0.0
    commit_fails_although_durable: float = 0.0
    commit_slow: float = 0.0
    crash_at_step: float = 0.0
    crash_after_commit: float = 0.0
    link_restart_every_s: float = 0.0
    runner_lost_every_s: float = 0.0
    reboot_every_s: float = 0.0
    vanish_every_s: float = 0.0
    agent_stopped_every_s: float = 0.0
    clone_every_s: float = 0.0
    partition_every_s: float = 0.0
    clock_set_every_s: float = 0.0
    owner_every_s: float = 0.0
    logs_lost_every_s: float = 0.0
    """How often logs cannot be written for a while, on some hosts or of one job everywhere."""
    spawning_lost_every_s: float = 0.0
    """How often a host can start no process for a while."""
    always_out_of_memory: float = 0.0
    """How many frames end with a memory status each time, whatever they get."""
    asks_for_ever: float = 0.0
    """How many frames ask for another start each time."""
    never_ends: float = 0.0
    """How many frames go on for hours, in layers with a time-out."""
    falls_silent: float = 0.0
    """How many frames write no line more and go on for hours, in layers with a time-out for that."""
    takes_supervisor: float = 0.0
    """How many frames have what watches them killed, each time."""
    takes_machine: float = 0.0
    """How many frames make their machine boot again, each time."""
    refusing_every_s: float = 0.0
    """How often a host begins to refuse every launch for minutes."""
    journal_lost_every_s: float = 0.0
    """How often every commit fails for a while."""
    journal_hangs_every_s: float = 0.0
    """How often no commit returns for a while."""
    operator_every_s: float = 0.0

    @property
    def server_ends(self) -> bool:
        """The server may end and start again."""
        ends = (
            self.crash_at_step,
            self.crash_after_commit,
            self.commit_fails,
            self.commit_fails_although_durable,
            self.journal_lost_every_s,
            self.journal_hangs_every_s,
        )
        return any(ends)

    @classmethod
    def draw(cls, rng: random.Random) -> Faults:
        """About half of all faults, with rates between a little and a lot."""
        chosen = {name: rng.uniform(low, high) for name, (low, high) in _RANGES.items() if rng.random() < 0.55}
        return cls(**chosen)


_RANGES: dict[str, tuple[float, float]] = {
    "request_lost": (0.01, 0.15),
    "reply_lost": (0.01, 0.15),
    "late": (0.01, 0.2),
    "duplicated": (0.01, 0.2),
    "launch_refused": (0.01, 0.2),
    "frame_fails": (0.02, 0.4),
    "out_of_memory": (0.02, 0.3),
    "resized": (0.2, 1.0),
    "commit_fails": (0.005, 0.1),
    "commit_fails_although_durable": (0.005, 0.1),
    "commit_slow": (0.01, 0.2),
    "crash_at_step": (0.0002, 0.004),
    "crash_after_commit": (0.0005, 0.01),
    "link_restart_every_s": (60, 400),
    "runner_lost_every_s": (100, 600),
    "reboot_every_s": (150, 900),
    "vanish_every_s": (300, 1200),
    "agent_stopped_every_s": (60, 600),
    "clone_every_s": (60, 500),
    "partition_every_s": (60, 500),
    "clock_set_every_s": (30, 400),
    "owner_every_s": (60, 600),
    "logs_lost_every_s": (60, 500),
    "spawning_lost_every_s": (60, 500),
    "always_out_of_memory": (0.02, 0.2),
    "asks_for_ever": (0.02, 0.2),
    "never_ends": (0.05, 0.4),
    "falls_silent": (0.05, 0.4),
    "takes_supervisor": (0.02, 0.15),
    "takes_machine": (0.02, 0.1),
    "refusing_every_s": (60, 500),
    "journal_lost_every_s": (100, 800),
    "journal_hangs_every_s": (100, 800),
    "operator_every_s": (3, 30),
}

CALM = Faults()
"""Nothing goes wrong: the world after healing."""

assert set(_RANGES) == {f.name for f in fields(Faults)}, "every fault has a range"
