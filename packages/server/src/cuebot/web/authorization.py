"""What each address does, by the public names of `domain.actions`; whoever asks for it must be allowed to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cuebot.domain.actions import ACTIONS, Action, Target
from cuebot.domain.errors import Forbidden
from cuebot.domain.principals import Principal
from cuebot.web.doors import LINK_PATH, PRINCIPAL
from cuebot.web.problems import Problem

Ask = Callable[[Principal, Action, Target], None]
"""Raises Forbidden where a principal may not do that to the target."""

_NAMES: Final = {
    "/": "farm.read",
    "/healthz": "farm.health",
    "/readyz": "farm.health",
    "/open": "session.open",
}


def action_at(path: str) -> Action:
    """What a request for an address does, whether there is such an address or not."""
    name = "session.open" if path.startswith(LINK_PATH) else _NAMES.get(path, "interface.read")
    return ACTIONS[name]


def require_names(routes: Iterable[Route]) -> None:
    """Raise ValueError for an address that is not in the table: it would be asked for less than what it does."""
    unknown = [route.path for route in routes if route.path not in _NAMES and not route.path.startswith(LINK_PATH)]
    if unknown:
        raise ValueError(f"say in web/authorization.py what these addresses do: {', '.join(unknown)}")


class Authorization:
    """Before an application, behind the doors: passes on what its caller may do."""

    def __init__(self, app: ASGIApp, ask: Ask) -> None:
        self._app = app
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with why it is refused, or pass it on."""
        action = action_at(scope["path"])
        try:
            self._ask(scope[PRINCIPAL], action, Target(action.noun))
        except Forbidden as error:
            await Problem(HTTPStatus.FORBIDDEN, str(error))(scope, receive, send)
            return
        await self._app(scope, receive, send)
