"""What a server did not refuse and yet says: part of a request changes nothing."""

from __future__ import annotations

import warnings
from typing import Any
from urllib.parse import unquote

import grpc

WARNING = "cuefarm-warning"


class FarmWarning(UserWarning):
    """The server took a request, and part of it was ignored, changed, or has no effect there."""


class WarningInterceptor(grpc.UnaryUnaryClientInterceptor):
    """Hands what the server warns of to Python's `warnings`, as FarmWarning."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Call, and look at what came with the answer."""
        response = continuation(client_call_details, request)
        for key, value in response.trailing_metadata() or ():
            if key == WARNING:
                warnings.warn(unquote(value), FarmWarning, stacklevel=2)
        return response
