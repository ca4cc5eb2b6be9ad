"""How many things a call changed.

The published responses have no field for it, so the server says it in the trailing metadata of its answer.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Optional

import grpc

CHANGED = "cuefarm-changed"

Changed = Optional[int]
"""A number of frames, jobs, hosts ...; 0: there was nothing to do; None: the server does not say, as OpenCue's."""

_last: ContextVar[Changed] = ContextVar("cuefarm-changed", default=None)


class ChangedInterceptor(grpc.UnaryUnaryClientInterceptor):
    """Keeps the number of each answer until the next call of the same thread."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Call, and read the number."""
        _last.set(None)
        response = continuation(client_call_details, request)
        metadata = response.trailing_metadata() or ()
        words = {key: value for key, value in metadata if key == CHANGED}
        if CHANGED in words:
            _last.set(int(words[CHANGED]))
        return response


def forget() -> None:
    """Make sure that no number is left of an earlier call."""
    _last.set(None)


def last() -> Changed:
    """Return the number of this thread's last call."""
    return _last.get()


def total(*numbers: Changed) -> Changed:
    """Return the sum of several calls' numbers, None where none of them said one."""
    said = [number for number in numbers if number is not None]
    return sum(said) if said else None
