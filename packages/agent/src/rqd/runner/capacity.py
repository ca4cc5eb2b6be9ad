"""Which cores and how much memory are taken."""

from __future__ import annotations

from typing import Optional

UNITS_PER_CORE = 100
KB_PER_GIB = 1048576


class Capacity:
    """Books cores (in hundredths) and memory per run; released when the run's last process is gone.

    GPUs are not booked, and no processor cores are chosen for a run (affinity): this agent does neither.
    """

    def __init__(self, core_units: int, memory_kb: int) -> None:
        self.core_units = core_units
        self.memory_kb = memory_kb
        self.locked_units = 0
        self._booked_units = 0
        self._booked_kb = 0
        self._taken: dict[str, tuple[int, int]] = {}

    @property
    def booked_units(self) -> int:
        """Core units taken by runs."""
        return self._booked_units

    @property
    def idle_units(self) -> int:
        """Core units that a launch can have."""
        return max(0, self.core_units - self.booked_units - self.locked_units)

    def refusal(self, core_units: int, memory_kb: int) -> Optional[str]:
        """Say why these do not fit; nothing where they do."""
        if core_units > self.idle_units:
            return (
                f"{core_units} core units asked, {self.idle_units} idle "
                f"({self.core_units} in all, {self.booked_units} booked, {self.locked_units} locked)"
            )
        # A server may count the host's memory in whole GiB, rounded up, so that is where "does not fit" begins.
        room_kb = -(-self.memory_kb // KB_PER_GIB) * KB_PER_GIB - self._booked_kb
        if memory_kb > room_kb:
            return f"{memory_kb} KB of memory asked, {max(0, room_kb)} KB not booked"
        return None

    def book(self, run_id: str, core_units: int, memory_kb: int) -> None:
        """Take cores and memory for a run."""
        self._taken[run_id] = (core_units, memory_kb)
        self._booked_units += core_units
        self._booked_kb += memory_kb

    def release(self, run_id: str) -> None:
        """Give back what a run had, if it had anything."""
        core_units, memory_kb = self._taken.pop(run_id, (0, 0))
        self._booked_units -= core_units
        self._booked_kb -= memory_kb

    def lock(self, core_units: int) -> None:
        """Offer so many units less, as far as there are that many."""
        self.locked_units = min(self.core_units, self.locked_units + core_units)

    def unlock(self, core_units: int) -> None:
        """Offer so many of the locked units again."""
        self.locked_units = max(0, self.locked_units - core_units)
