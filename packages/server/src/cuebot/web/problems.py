"""Refusals over HTTP: problem documents (RFC 9457), with what to do in their `detail`."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Problem(JSONResponse):
    """The answer to a request that gets nothing. The connection ends with it, whatever of the request is on its way."""

    media_type = "application/problem+json"

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        headers = {"connection": "close"}
        if status is HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
        super().__init__(body, status.value, headers)


async def as_problem(request: Request, error: Exception) -> Response:
    """What the router refuses: an unknown path, another method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return Problem(status, f"{request.method} {request.url.path[:200]}: there is no such thing here")
