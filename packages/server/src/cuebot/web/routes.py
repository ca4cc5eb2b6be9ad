"""The HTTP side of a server, put together.

A new address: a `routes` in a module of its subject, listed here, and its name in `authorization`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from cuebot.access.callers import Callers
from cuebot.domain.actions import Action, Target
from cuebot.domain.principals import Principal
from cuebot.web import health, pages
from cuebot.web.authorization import Authorization, require_names
from cuebot.web.doors import HttpDoors
from cuebot.web.problems import as_problem
from cuebot.web.sessions import Sessions


def http_app(
    state: health.Health,
    *,
    callers: Callers,
    name: Callable[[], str],
    opened: bool = False,
    names: Collection[str] = (),
) -> ASGIApp:
    """The application behind its doors. `name` says where the farm's clients reach it.

    `opened` lets in who is no browser without asking who it is. `names` are those by which browsers may call this
    server besides its addresses.
    """
    core = state.engine.core
    sessions = Sessions(core.settings, core.bounds)
    routes = [*health.routes(state), *pages.routes(lambda: state.engine.farm, sessions, name)]
    require_names(routes)
    inside = Starlette(
        routes=routes,
        exception_handlers={HTTPException: as_problem},
    )
    engine = state.engine

    def ask(principal: Principal, action: Action, target: Target) -> None:
        engine.core.authorize(principal, action, target, engine.farm)

    return HttpDoors(
        Authorization(inside, ask),
        callers=callers,
        sessions=sessions,
        bounds=core.bounds,
        opened=opened,
        names=names,
    )
