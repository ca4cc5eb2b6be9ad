"""What a browser sees: the way in, and for now one page that says how the farm is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from cuebot.domain.farm import Farm
from cuebot.domain.states import FrameState, HostState
from cuebot.web.doors import LINK_PATH, PRINCIPAL, cookie_name
from cuebot.web.html import page
from cuebot.web.problems import Problem
from cuebot.web.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Overview:
    """A farm in a few numbers."""

    jobs: int
    hosts_up: int
    hosts_not_up: int
    frames_running: int
    frames_waiting: int
    """Also those that wait for others."""
    frames_dead: int


def overview_of(farm: Farm) -> Overview:
    """Count what is not over yet."""
    jobs = [farm.jobs[id] for id in farm.active_job_by_name.values()]
    hosts = [host for host in farm.hosts.values() if not host.removed]
    frames = {state: sum(job.counts[state] for job in jobs) for state in FrameState}
    up = sum(host.state is HostState.UP for host in hosts)
    return Overview(
        jobs=len(jobs),
        hosts_up=up,
        hosts_not_up=len(hosts) - up,
        frames_running=frames[FrameState.RUNNING],
        frames_waiting=frames[FrameState.WAITING] + frames[FrameState.DEPEND],
        frames_dead=frames[FrameState.DEAD],
    )


def routes(farm: Callable[[], Farm], sessions: Sessions, name: Callable[[], str]) -> list[Route]:
    """The pages. `name` says where the farm's clients reach it."""

    async def front(request: Request) -> Response:
        return _front_page(name(), overview_of(farm()))

    async def new_link(request: Request) -> Response:
        secret = sessions.new_link(request.scope[PRINCIPAL].name)
        return JSONResponse({"path": LINK_PATH + secret, "expires_in_s": int(sessions.link_s)}, status_code=201)

    async def use_link(request: Request) -> Response:
        if request.method != "GET":  # what only looks at an address must not use it up
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "a link works with GET")
        id = sessions.use_link(request.path_params["secret"], request.scope[PRINCIPAL].name)
        if id is None:
            return Problem(HTTPStatus.FORBIDDEN, _link_unknown(sessions))
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            cookie_name(request.scope),
            id,
            max_age=int(sessions.session_s),
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    return [
        Route("/", front, methods=["GET"]),
        Route("/open", new_link, methods=["POST"]),
        Route(LINK_PATH + "{secret}", use_link, methods=["GET"]),
    ]


def _link_unknown(sessions: Sessions) -> str:
    return (
        f"this link has been used, is older than {sessions.link_s / 60:g} minutes, or is for another user or machine:"
        " it works once, in the browser of the user and machine that asked for it. `cuefarm open` prints another"
    )


def _front_page(name: str, farm: Overview) -> Response:
    rows = {
        "Jobs that are not over": farm.jobs,
        "Hosts that are up": farm.hosts_up,
        "Hosts that are not": farm.hosts_not_up,
        "Frames that run": farm.frames_running,
        "Frames that wait": farm.frames_waiting,
        "Frames that are dead": farm.frames_dead,
    }
    table = "".join(f"<tr><td>{escape(label)}</td><td>{number:,}</td></tr>" for label, number in rows.items())
    later = (
        "<p>As of this moment; load the page again for the next. Jobs are looked at and changed with"
        " <code>cueadmin</code>.</p>"
    )
    return page(name, f"The farm at {name}", f"<table>{table}</table>{later}")
