"""What a host has to offer."""

from __future__ import annotations

from rqd.runner.capacity import Capacity


def test_cores_are_booked_locked_and_released() -> None:
    """Idle is what is neither booked nor locked, and never negative."""
    capacity = Capacity(core_units=400, memory_kb=1048576)
    capacity.book("a", 300, 1000)
    capacity.lock(200)
    assert capacity.idle_units == 0
    assert capacity.refusal(100, 0) == "100 core units asked, 0 idle (400 in all, 300 booked, 200 locked)"
    capacity.unlock(200)
    capacity.release("a")
    capacity.release("a")
    assert capacity.refusal(400, 1048576) is None
