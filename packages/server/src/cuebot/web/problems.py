"""Refusals over HTTP: problem documents (RFC 9457) with what to do in their `detail`; a browser gets a page instead."""

from __future__ import annotations

import re
from html import escape
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from cuebot.web.html import page


class Problem(JSONResponse):
    """The answer to a request that gets nothing. The connection ends with it, whatever of the request is on its way."""

    media_type = "application/problem+json"

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        self._status, self._detail = status, detail
        self._more = {"connection": "close"}
        if status is HTTPStatus.UNAUTHORIZED:
            self._more["www-authenticate"] = "Bearer"
        body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
        super().__init__(body, status.value, self._more)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, in the form that whoever asks can show."""
        if not _wants_page(Headers(scope=scope)):
            await super().__call__(scope, receive, send)
            return
        words = re.sub("`([^`]+)`", r"<code>\1</code>", escape(self._detail[:1].upper() + self._detail[1:]))
        answer = page(
            self._status.phrase, self._status.phrase, f"<p>{words}.</p>", status=self._status.value, headers=self._more
        )
        await answer(scope, receive, send)


def _wants_page(headers: Headers) -> bool:
    """Whether a browser asks, for a person to read the answer: no program names text/html unless it wants it."""
    accepted = ",".join(headers.getlist("accept")).lower()
    return "text/html" in accepted and "json" not in accepted


async def as_problem(request: Request, error: Exception) -> Response:
    """What the router refuses: an unknown path, another method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return Problem(status, f"{request.method} {request.url.path[:200]}: there is no such thing here")
