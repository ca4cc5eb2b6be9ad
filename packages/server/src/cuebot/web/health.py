"""/healthz and /readyz: whether the server lives, and whether it can be relied on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cuebot.engine.engine import Engine
from cuebot.web.doors import KNOWN

UNWRITABLE: Final = "the journal cannot be written:"
"""How a reason begins while nothing can be kept."""


@dataclass(slots=True)
class Health:
    """What readiness depends on."""

    engine: Engine
    grpc_bound: bool = False

    def why_not_ready(self) -> list[str]:
        """What is missing, in words; empty when the server is ready."""
        reasons = []
        if not self.grpc_bound:
            reasons.append("the gRPC port is not bound yet")
        if self.engine.stalled_since is not None:
            reasons.append(f"{UNWRITABLE} {self.engine.stall_reason}")
        if self.engine.core.draining:
            reasons.append("the server is stopping")
        return reasons


def routes(health: Health) -> list[Route]:
    """The two routes. They answer everybody; why a server is not ready is for who is let in."""

    async def healthz(request: Request) -> JSONResponse:
        return JSONResponse({"alive": True})

    async def readyz(request: Request) -> JSONResponse:
        reasons = health.why_not_ready()
        known = {"reasons": reasons} if request.scope.get(KNOWN) else {}
        return JSONResponse({"ready": not reasons, **known}, status_code=503 if reasons else 200)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
