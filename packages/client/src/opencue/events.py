"""What happens on the farm, as it happens. All of it is also in `opencue.api`."""

from __future__ import annotations

from typing import Any, Iterator

from opencue.rpc import callWithin

FOLLOW_SECONDS = 20.0  # how long one call of followEvents waits for something
ANSWER_SECONDS = 10.0  # what a server may take besides that


def getEvents(position: str = "", query: str = "", *, wait_s: float = 0.0) -> Any:
    """Return what happened behind a position, as a cuefarm.v1 GetEventsResponse.

    `events` has it in order: each says its `type` (such as `job.finished`), `at_us`, `actor`, `show`, and in `row` what
    it is about. The response's `position` is where to go on; it stays good when the server is started again. `position`
    empty: from now on. With `wait_s` (at most 30 s) the server waits so long for the first. Where `reset` is set, the
    server does not know what came after the position: what was read of the farm must be read again.
    Raises CueException where the query or the position is none.
    """
    wait_ms = int(wait_s * 1000)
    return callWithin(wait_s + ANSWER_SECONDS, "farm", "GetEvents", position=position, query=query, wait_ms=wait_ms)


def followEvents(position: str = "", query: str = "") -> Iterator[Any]:
    """Give responses of `getEvents` for ever, each with events or with `reset` set, beginning now or at a position.

    A server that restarts meanwhile is waited for, and nothing is missed.
    """
    if not position:
        position = getEvents(query=query).position  # so that what follows is all that came after this call
    while True:
        response = getEvents(position, query, wait_s=FOLLOW_SECONDS)
        position = response.position
        if response.events or response.reset:
            yield response
