"""`python -m tools.seed N`: the debugger where a promise was broken."""

from __future__ import annotations

from types import TracebackType

import pytest

from cuebot.sim.chaos.ground_truth import Violation
from cuebot.sim.chaos.world import World
from tools import seed


def test_the_debugger_stops_where_a_promise_was_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It gets the very place, and the end of the story is told before."""
    looked_at: list[TracebackType] = []

    def broken(world: World) -> None:
        for number in range(100):
            world.tell(f"event {number}")
        raise Violation("frame 7 runs twice")

    monkeypatch.setattr(World, "run", broken)
    monkeypatch.setattr("pdb.post_mortem", looked_at.append)
    assert seed.main(["3"]) == 1
    told = capsys.readouterr().out
    assert "event 79" not in told
    assert "event 99\nViolation: frame 7 runs twice\n" in told
    (place,) = looked_at
    assert place.tb_next is not None
    assert place.tb_next.tb_frame.f_code.co_name == "broken"


def test_a_good_seed_needs_no_debugger(capsys: pytest.CaptureFixture[str]) -> None:
    """It says so."""
    assert seed.main(["3"]) == 0
    assert capsys.readouterr().out == "seed 3 kept every promise\n"
