"""Small things that scripts need around the wrappers."""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional

import grpc

from opencue import exception
from opencue.rpc import call

__all__ = ["grpcExceptionParser", "id", "logPath", "proxy", "rep"]

_COLLECTIONS = (list, tuple, set, frozenset)


def grpcExceptionParser(grpcFunc: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function raise CueExceptions where it would raise plain gRPC errors."""

    @functools.wraps(grpcFunc)
    def translated(*args: Any, **kwargs: Any) -> Any:
        try:
            return grpcFunc(*args, **kwargs)
        except grpc.RpcError as error:
            raise exception.fromRpcError(error, call=grpcFunc.__name__) from error

    return translated


def id(value: Any) -> Any:
    """Return the id of a wrapper, or of each in a collection; anything else is returned as it is."""
    if isinstance(value, _COLLECTIONS):
        return [id(item) for item in value]
    return value.id() if callable(getattr(value, "id", None)) else value


def rep(entity: Any) -> str:
    """Return the name of a wrapper or message, else its text."""
    name = getattr(entity, "name", None)
    if callable(name):
        return name()
    return name if name is not None else str(entity)


def logPath(job: Any, frame: Optional[Any] = None) -> str:
    """Return a job's log folder, or the path of one frame's log in it; a frame is a wrapper or a name."""
    if frame is None:
        return job.logDir()
    return f"{job.logDir()}/{job.name()}.{rep(frame)}.rqlog"


def proxy(idOrObject: Any, cls: str) -> Any:
    """Return the server's answer to `Get<cls>` for an id or a wrapper, a list of answers for a collection.

    `cls` is the name of a wrapper class, such as `"Job"`.
    """
    if isinstance(idOrObject, _COLLECTIONS):
        return [proxy(item, cls) for item in idOrObject]
    return call(cls.lower(), f"Get{cls}", id=id(idOrObject))
