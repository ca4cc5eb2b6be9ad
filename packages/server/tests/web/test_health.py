"""/healthz and /readyz, asked as an ASGI server asks."""

from __future__ import annotations

import itertools
import json
from typing import Any

from starlette.applications import Starlette

from cuebot.domain.farm import Farm
from cuebot.engine.core import Core
from cuebot.engine.engine import Engine
from cuebot.web.doors import KNOWN
from cuebot.web.health import Health, routes


class Nothing:
    """A journal and agents that are never asked."""


def health() -> Health:
    """Return the health of a server that has not bound its port."""
    numbers = itertools.count()
    core = Core(Farm(), last_seq=0, started_us=0, new_id=lambda: str(next(numbers)))
    nothing: Any = Nothing()
    return Health(Engine(core, nothing, nothing, lambda: 0))


async def get(health: Health, path: str, *, known: bool = True) -> tuple[int, Any]:
    """Return the status and the JSON body of a route."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", KNOWN: known}
    await Starlette(routes=routes(health))(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


async def test_a_server_that_answers_is_alive() -> None:
    """/healthz needs nothing but the loop."""
    assert (await get(health(), "/healthz"))[0] == 200


async def test_a_server_is_ready_when_it_is_bound_and_commits() -> None:
    """/readyz is 200 then, and before and while commits fail it says why not."""
    state = health()
    status, body = await get(state, "/readyz")
    assert (status, body["ready"]) == (503, False)
    assert "gRPC" in body["reasons"][0]
    state.grpc_bound = True
    assert (await get(state, "/readyz"))[0] == 200
    state.engine.stalled_since, state.engine.stall_reason = 1.0, "the disk is full"
    status, body = await get(state, "/readyz")
    assert (status, body["reasons"]) == (503, ["the journal cannot be written: the disk is full"])
    state.engine.stalled_since = None
    state.engine.core.draining = True
    assert (await get(state, "/readyz"))[0] == 503


async def test_a_stranger_learns_only_whether_a_server_is_ready() -> None:
    """Reasons name paths and states of the farm: they are for who is let in."""
    assert await get(health(), "/readyz", known=False) == (503, {"ready": False})
