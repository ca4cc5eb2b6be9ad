"""What can go wrong with a call, as exceptions.

Every one of them is a `CueException` and also a `grpc.RpcError` with `code()` and `details()`, so a script may catch
either and read the status in the same way.
"""

from __future__ import annotations

from typing import Any, Optional

import grpc

NO_DETAILS = "No details found. Check server logs."


class CueException(grpc.RpcError):
    """Base of everything that this package raises about the farm."""

    failMsg = "Encountered a server error. {code} : {details}"
    retryMsg = ""
    retryable = False
    retryBackoff = 0.5  # seconds

    def __init__(self, *args: Any, code: Optional[grpc.StatusCode] = None, details: str = "") -> None:
        super().__init__(*args)
        self._code = code
        self._details = details or (str(args[0]) if args else "")

    def code(self) -> Optional[grpc.StatusCode]:
        """Return the gRPC status of the call, None when no call was made."""
        return self._code

    def details(self) -> str:
        """Return the server's own words."""
        return self._details


class EntityNotFoundException(CueException):
    """The job, host, show ... that was asked for is not there."""

    failMsg = "Object does not exist. {details}"


class EntityAlreadyExistsException(CueException):
    """Something of that name is there already."""

    failMsg = "Object already exists. {details}"


class DeadlineExceededException(CueException):
    """The server did not answer within `Cuebot.Timeout`."""

    failMsg = "Request deadline exceeded. {details}"


class CueInternalErrorException(CueException):
    """The server failed while it worked on the call."""

    failMsg = "Server caught an internal exception. {details}"


class ConnectionException(CueException):
    """No server answers at the addresses that were tried."""

    failMsg = "Unable to contact grpc server. {details}"
    retryMsg = "Unable to contact grpc server, trying again."
    retryable = True


class CancelledException(CueException):
    """The call was cancelled."""

    failMsg = "RPC call was cancelled. {details}"
    retryMsg = "RPC call was cancelled, trying again."
    retryable = True


class NotOfferedException(CueException):
    """The server does not have this part of the interface."""

    failMsg = "This server does not offer {call} yet. {details}"


EXCEPTION_MAP = {
    grpc.StatusCode.NOT_FOUND: EntityNotFoundException,
    grpc.StatusCode.ALREADY_EXISTS: EntityAlreadyExistsException,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededException,
    grpc.StatusCode.INTERNAL: CueInternalErrorException,
    grpc.StatusCode.UNAVAILABLE: ConnectionException,
    grpc.StatusCode.CANCELLED: CancelledException,
    grpc.StatusCode.UNIMPLEMENTED: NotOfferedException,
}


def fromRpcError(error: grpc.RpcError, call: str = "this call", remark: str = "") -> CueException:
    """Return the exception for a failed call; `call` names it, `remark` adds what the caller can do about it."""
    if isinstance(error, CueException):
        return error
    status, details = error.code(), error.details() or NO_DETAILS
    kind = EXCEPTION_MAP.get(status, CueException)
    said = "" if kind is NotOfferedException else details
    text = kind.failMsg.format(code=status.name, details=said, call=call).strip()
    return kind(f"{text} {remark}".strip(), code=status, details=details)


def getRetryCount() -> int:
    """Return how often a retryable call is repeated before it fails."""
    from opencue.cuebot import Cuebot  # here, because cuebot needs these classes

    return int(Cuebot.Config["cuebot.exception_retries"])
