"""What can go wrong with a call, as exceptions.

Every one of them is a `CueException` and also a `grpc.RpcError` with `code()` and `details()`, so a script may catch
either and read the status in the same way.
"""

from __future__ import annotations

from typing import Any, Optional, Sequence

import grpc

from opencue import config

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

    def code(self) -> Optional[grpc.StatusCode]:  # type: ignore[override]
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


class ServerNotNamedException(ConnectionException):
    """What says where the servers are makes no sense, such as a facility that is not configured; none was called."""

    failMsg = "{details}"
    retryable = False


class ServerUnavailableException(ConnectionException):
    """A server answers, and says that it cannot do this now: its words tell why. It is up; ask it again later."""

    failMsg = "{details}"
    retryMsg = "The server cannot do this now, trying again."


class CancelledException(CueException):
    """The call was cancelled."""

    failMsg = "RPC call was cancelled. {details}"
    retryMsg = "RPC call was cancelled, trying again."
    retryable = True


class RefusedException(CueException):
    """The farm understood, and says no: the words tell what is wrong with it and what to do instead."""

    failMsg = "{details}"


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
    grpc.StatusCode.INVALID_ARGUMENT: RefusedException,
    grpc.StatusCode.FAILED_PRECONDITION: RefusedException,
    grpc.StatusCode.OUT_OF_RANGE: RefusedException,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RefusedException,
    grpc.StatusCode.PERMISSION_DENIED: RefusedException,
    grpc.StatusCode.UNAUTHENTICATED: RefusedException,
}

UNAVAILABLE = "cuefarm-unavailable"
"""In the trailing metadata when a server itself says so; without it gRPC, or a proxy, says that no server answers."""

_CUT_OFF = ("RST_STREAM", "Stream removed", "Socket closed", "GOAWAY", "Cancelling all calls")
"""How gRPC tells by other statuses that the connection has ended under a call."""
_CANCELLED_BY_NOBODY = ("CANCELLED", "CANCELED", "")
"""What gRPC says to calls that a server had not looked at when it ended. Ours are never cancelled by who made them."""
_CUT_OFF_STATUSES = (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
_NEVER_SENT = ("failed to connect", "connections to all backends", "DNS resolution failed", "resolver")


def reached(error: grpc.RpcError) -> bool:
    """Say whether a failed call got to a server that answered it."""
    details = error.details() or ""
    if error.code() is grpc.StatusCode.CANCELLED and details.upper() in _CANCELLED_BY_NOBODY:
        return False
    if error.code() in _CUT_OFF_STATUSES:
        return not any(phrase in details for phrase in _CUT_OFF)
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        return True
    metadata: Any = error.trailing_metadata() if hasattr(error, "trailing_metadata") else ()
    return any(key == UNAVAILABLE for key, _ in metadata or ())


def neverSent(error: grpc.RpcError) -> bool:
    """Say whether a call that got to no server cannot have been carried out by one."""
    return any(phrase in (error.details() or "") for phrase in _NEVER_SENT)


def transportReason(error: grpc.RpcError) -> str:
    """Return in a few words why a call got to no server."""
    details = error.details() or ""
    if "refused" in details:
        return "connection refused"
    if "DNS resolution failed" in details:
        return "no such host"
    if any(phrase in details for phrase in _CUT_OFF) or "reset" in details or error.code() in _CUT_OFF_STATUSES:
        return "connection lost"
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return "no connection"
    return error.code().name.lower().replace("_", " ")


def fromRpcError(
    error: grpc.RpcError, call: str = "this call", remark: str = "", hosts: Sequence[str] = ()
) -> CueException:
    """Return the exception for a failed call to one of `hosts`; `call` names it, `remark` adds what can be done."""
    if isinstance(error, CueException):
        return error
    if not reached(error):
        where = f" at {', '.join(hosts)}" if hosts else ""
        text = f"No server answers{where} ({transportReason(error)}). {remark}".strip()
        return ConnectionException(text, code=grpc.StatusCode.UNAVAILABLE, details=text)
    status, details = error.code(), error.details() or NO_DETAILS
    kind = EXCEPTION_MAP.get(status, CueException)
    if status is grpc.StatusCode.UNAVAILABLE:
        where = f"The server at {' or '.join(hosts)}" if hosts else "The server"
        text = f"{where} answers: {details}. {remark}".strip()
        return ServerUnavailableException(text, code=status, details=details)
    said = "" if details == "Deadline Exceeded" else details  # gRPC's own word says nothing more
    if kind is NotOfferedException:  # a server of ours says why; gRPC says only that there is no such method
        said = "" if "Method not found" in details else details.partition(": ")[2]
        said = said[:1].upper() + said[1:]
    text = kind.failMsg.format(code=status.name, details=said, call=call).strip()
    return kind(f"{text} {remark}".strip(), code=status, details=details)


def getRetryCount() -> int:
    """Return how often a retryable call is repeated before it fails."""
    return int(config.in_use()["cuebot.exception_retries"])
