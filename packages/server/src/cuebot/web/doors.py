"""Who is let in over HTTP: as over gRPC, and a browser only with the session of a link that `cuefarm open` printed.

A browser does what any page tells it to, with its user's connection. That the kernel names this user is therefore not
enough for one: what another site sends (`Sec-Fetch-Site`, `Origin`), and what came by a name that is not this server's
(`Host`), gets nothing, and nothing is changed but by a session, the token, or a local program that is no browser.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuebot.access.callers import NOBODY, Caller, Callers
from cuebot.domain.bounds import Bounds
from cuebot.domain.principals import Principal, Proof
from cuebot.web.problems import Problem
from cuebot.web.sessions import Sessions
from rqd.socket_owner import parse_endpoint

PUBLIC: Final = frozenset({"/healthz", "/readyz"})
"""Answered to everybody, with more for who is let in."""
LINK_PATH: Final = "/open/"
"""Before the secret of a link, which is all that its bearer needs."""
KNOWN: Final = "cuefarm.known"
"""In a request's scope: its caller is let in."""
PRINCIPAL: Final = "cuefarm.principal"
"""In a request's scope: who was proven to make it."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BROWSER_MARKS: Final = ("origin", "referer", "cookie", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
_PROXY_MARKS: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""What came by a proxy of this user comes from somebody else."""
_HOST = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::\d{1,5})?", re.ASCII)
"""A Host header: a name, or an address in brackets, and a port."""
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Of every answer that does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets nothing, in words."""

    status: HTTPStatus
    detail: str


class _BodyRefused(Exception):
    """A body that is too large, or too slow."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


_STRANGER = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "this server does not know who asks. In a browser: run `cuefarm open` and use the link that it prints, in the"
    " browser of the same user and machine. In a program: send the content of the server's token file as"
    " `Authorization: Bearer TOKEN`, or ask on the server's machine as the user that runs it",
)
_WRONG_TOKEN = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "the token of this request is not the server's; `Authorization: Bearer TOKEN` wants the content of its token file",
)
_NO_BROWSER = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "a browser may change something only with the session of a link that `cuefarm open` prints",
)
_OTHER_SITE = Refusal(
    HTTPStatus.FORBIDDEN,
    "this request comes from a page of another site, which gets nothing here; type the address into the browser, or"
    " paste the link that `cuefarm open` prints",
)
_TWO_LENGTHS = Refusal(
    HTTPStatus.BAD_REQUEST,
    "a request has a Content-Length or a Transfer-Encoding, not both: where its body ends must not be open to doubt",
)


def _too_large(bounds: Bounds) -> _BodyRefused:
    detail = f"a request's body has at most {bounds.http_body_bytes} bytes here (limit http_body_bytes)"
    return _BodyRefused(Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail))


def _too_slow(bounds: Bounds) -> _BodyRefused:
    detail = f"the request's body did not come within {bounds.http_body_seconds} seconds (limit http_body_seconds)"
    return _BodyRefused(Refusal(HTTPStatus.REQUEST_TIMEOUT, detail))


class HttpDoors:
    """The doors before an application; it is called by who is let in, and for what everybody may have."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        callers: Callers,
        sessions: Sessions,
        bounds: Bounds,
        opened: bool = False,
        names: Collection[str] = (),
    ) -> None:
        self._app = app
        self._callers = callers
        self._sessions = sessions
        self._bounds = bounds
        self._opened = opened
        self._names = _LOOPBACK_NAMES | {name.strip("[]").lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        answer = _Answer(send)
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            answer.is_last = True  # what comes next may be the rest of this one
            await Problem(_TWO_LENGTHS.status, _TWO_LENGTHS.detail)(scope, receive, answer.send)
            return
        caller = caller_of(self._callers, scope)
        found = self._let_in(scope, headers, caller)
        refusal, proof = (found, Proof.NOBODY) if isinstance(found, Refusal) else (None, found)
        scope[PRINCIPAL], scope[KNOWN] = Principal(proof, caller.name), refusal is None
        path, is_safe = scope["path"], scope["method"] in _SAFE_METHODS
        is_link = path.startswith(LINK_PATH) and refusal is _STRANGER
        if refusal is not None and not (is_safe and (path in PUBLIC or is_link)):
            await Problem(refusal.status, refusal.detail)(scope, receive, answer.send)
            return
        try:
            if int(headers.get("content-length") or 0) > self._bounds.http_body_bytes:
                raise _too_large(self._bounds)
            await self._app(scope, _bounded(receive, self._bounds), answer.send)
        except _BodyRefused as error:
            if not answer.has_begun:
                await Problem(error.refusal.status, error.refusal.detail)(scope, receive, answer.send)

    def _let_in(self, scope: Scope, headers: Headers, caller: Caller) -> Proof | Refusal:
        """What shows who makes this request, or why it is not let in."""
        given = headers.getlist("authorization")
        if given:
            kind, _, token = given[0].partition(" ")
            fits = len(given) == 1 and kind.lower() == "bearer" and self._callers.has_token(token.strip())
            return Proof.TOKEN if fits else _WRONG_TOKEN
        foreign = self._foreign(scope, headers)
        if foreign is not None:
            return foreign
        is_safe = scope["method"] in _SAFE_METHODS
        if self._has_session(scope, headers, caller):
            is_same_site = "origin" in headers or headers.get("sec-fetch-site") == "same-origin"
            return Proof.SESSION if is_safe or is_same_site else _OTHER_SITE
        is_ours = caller.is_ours and not any(mark in headers for mark in _PROXY_MARKS)
        if not (is_ours or self._opened):
            return _STRANGER
        if not is_safe and any(mark in headers for mark in _BROWSER_MARKS):
            return _NO_BROWSER
        return Proof.KERNEL if is_ours else Proof.NOBODY

    def _foreign(self, scope: Scope, headers: Headers) -> Refusal | None:
        """What shows that another site has sent this, or that it was meant for another name."""
        hosts = headers.getlist("host")
        host = hosts[0].strip().lower() if len(hosts) == 1 else ""
        own = scope["server"][0] if scope.get("server") else ""
        name = _name_in(host)
        if not name or name not in {*self._names, _plain(own)}:
            return Refusal(
                HTTPStatus.FORBIDDEN,
                "this server is not known by the name that the request has as its Host; use its address, or start it"
                " with --http-name NAME",
            )
        if any(site not in ("none", "same-origin") for site in headers.getlist("sec-fetch-site")):
            return _OTHER_SITE
        if any(origin not in (f"http://{host}", f"https://{host}") for origin in headers.getlist("origin")):
            return _OTHER_SITE
        return None

    def _has_session(self, scope: Scope, headers: Headers, caller: Caller) -> bool:
        ids = _cookies_in(headers, cookie_name(scope))
        return any(self._sessions.has_session(id, caller.name) for id in ids if id)


def cookie_name(scope: Scope) -> str:
    """Of the session's cookie. Cookies are shared by the ports of a host, so each server has a name of its own."""
    return f"cuefarm-{scope['server'][1] if scope.get('server') else 0}"


def _cookies_in(headers: Headers, name: str) -> Iterator[str]:
    """The values of the cookies of a name.

    Servers on other ports of this host set cookies too, of any form, and of this name: none may hide the session.
    """
    for cookie in ";".join(headers.getlist("cookie")).split(";"):
        given, _, value = cookie.partition("=")
        if given.strip() == name:
            yield value.strip()


class _Answer:
    """What goes back to the caller, with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False
        self.is_last = False
        """The connection is closed behind it."""

    async def send(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if self.is_last:
                headers["connection"] = "close"
        await self._send(message)


def _bounded(receive: Receive, bounds: Bounds) -> Receive:
    """Receive a body of no more than so many bytes, in no more than so long."""
    left, has_come = bounds.http_body_bytes, False
    until_s = asyncio.get_running_loop().time() + bounds.http_body_seconds

    async def receiving() -> Message:
        nonlocal left, has_come
        try:
            async with asyncio.timeout_at(None if has_come else until_s):
                message = await receive()
        except TimeoutError:
            raise _too_slow(bounds) from None
        left -= len(message.get("body", b""))
        has_come = not message.get("more_body", False)
        if left < 0:
            raise _too_large(bounds)
        return message

    return receiving


def caller_of(callers: Callers, ends: Any) -> Caller:
    """Who is at the other end of a connection; `ends` has its `client` and `server`, an address and a port each."""
    if not ends.get("client") or not ends.get("server"):
        return NOBODY
    client, server = (parse_endpoint(f"[{host}]:{port}") for host, port in (ends["client"], ends["server"]))
    return callers.who(client, server) if client and server else NOBODY


def _name_in(host: str) -> str:
    """The name in a Host header, without its port; nothing where this is no name with, maybe, a port."""
    match = _HOST.fullmatch(host)
    return "" if match is None else _plain(match[1]) if match[1] else match[2]


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:").partition("%")[0]
