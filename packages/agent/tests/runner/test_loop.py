"""The runner's loop of timers and sockets."""

from __future__ import annotations

import socket

from rqd.runner.loop import Loop


def test_timers_run_in_order_unless_they_are_cancelled() -> None:
    """The loop calls what is due, the earliest first."""
    loop, called = Loop(), []
    loop.call_later(0.02, lambda: called.append("second"))
    loop.call_later(0.01, lambda: called.append("first"))
    loop.call_later(0.0, lambda: called.append("never")).cancel()
    while len(called) < 2:
        loop.turn(wait=True)
    assert called == ["first", "second"]


def test_a_socket_that_was_just_forgotten_calls_nobody() -> None:
    """Of two that are ready together, the first one's call may end the other."""
    loop, called = Loop(), []
    pairs = [socket.socketpair() for _ in range(2)]

    def end_both(_: int) -> None:
        called.append("one")
        for ours, _theirs in pairs:
            loop.forget(ours)
            ours.close()

    for ours, theirs in pairs:
        loop.watch(ours, end_both)
        theirs.send(b"!")
    loop.turn(wait=True)
    assert called == ["one"]
    for _, theirs in pairs:
        theirs.close()
