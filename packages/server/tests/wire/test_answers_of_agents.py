"""What the server concludes from the status of an order."""

from __future__ import annotations

import grpc
import pytest

from cuebot.engine.ports import Answer
from cuebot.wire.agents.channel import kill_answer, launch_answer

Code = grpc.StatusCode


@pytest.mark.parametrize("code", [Code.UNAUTHENTICATED, Code.PERMISSION_DENIED])
def test_an_order_turned_away_at_the_door_says_nothing_of_the_run(code: grpc.StatusCode) -> None:
    """An agent that took over another's runs takes no order that is for that one, and may have its run all the same."""
    assert launch_answer(code, ours=True) is Answer.NOT_TAKEN_IN
    assert kill_answer(code) is Answer.REFUSED


@pytest.mark.parametrize("code", [Code.FAILED_PRECONDITION, Code.ABORTED, Code.RESOURCE_EXHAUSTED])
def test_a_refusal_by_the_runner_says_that_the_run_is_not_there(code: grpc.StatusCode) -> None:
    """The runner looks for the run before it refuses."""
    assert launch_answer(code, ours=True) is Answer.REFUSED


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.INTERNAL, Code.NOT_FOUND])
def test_any_other_status_of_a_launch_says_nothing(code: grpc.StatusCode) -> None:
    """The launch may have arrived, or may still."""
    assert launch_answer(code, ours=True) is Answer.UNKNOWN
