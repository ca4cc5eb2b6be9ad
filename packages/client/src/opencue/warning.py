"""What a server did not refuse and yet says: part of a request changes nothing."""

from __future__ import annotations

import sys
import warnings
from typing import Any
from urllib.parse import unquote

import grpc

WARNING = "cuefarm-warning"


class FarmWarning(UserWarning):
    """The server took a request, and part of it was ignored, changed, or has no effect there."""


def warn(text: str) -> None:
    """Warn of what this package itself leaves out or does otherwise."""
    warnings.warn(text, FarmWarning, stacklevel=_callers_level())


class WarningInterceptor(grpc.UnaryUnaryClientInterceptor):
    """Hands what the server warns of to Python's `warnings`, as FarmWarning."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Call, and look at what came with the answer."""
        response = continuation(client_call_details, request)
        for key, value in response.trailing_metadata() or ():
            if key == WARNING:
                warnings.warn(unquote(value), FarmWarning, stacklevel=_callers_level())
        return response


_ON_THE_WAY = ("opencue", "grpc", "outline", "cue_cli")
"""Packages between a person's line and the call that it led to."""


def _callers_level() -> int:
    """Say how far up, from who asks this, the first line is that is none of these packages'."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _ON_THE_WAY:
        frame, level = frame.f_back, level + 1
    return level
