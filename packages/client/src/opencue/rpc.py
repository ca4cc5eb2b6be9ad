"""One call to the server: build the request, bound its time, translate its failure."""

from __future__ import annotations

from typing import Any, Optional

import grpc

from opencue import exception
from opencue.changed import Changed, forget, last
from opencue.cuebot import INTERFACES, Cuebot, how_to_reach_a_server
from opencue.retrying import wasCutOff


def call(service: str, method: str, stub: Optional[Any] = None, /, **fields: Any) -> Any:
    """Call `method` of the interface `service` with a request made of `fields`; return the raw response.

    Raises a CueException (which is also a grpc.RpcError) when the call fails.
    """
    return _called(Cuebot.Timeout / 1000, service, method, stub, fields)


def callWithin(seconds: float, service: str, method: str, /, **fields: Any) -> Any:
    """The same for a call that the server may take longer for, and at least the usual time."""
    return _called(max(seconds, Cuebot.Timeout / 1000), service, method, None, fields)


def _called(seconds: float, service: str, method: str, stub: Any, fields: dict[str, Any]) -> Any:
    request = requestClass(service, method)(**fields)
    try:
        if stub is None:
            stub = Cuebot.getStub(service)
        return getattr(stub, method)(request, timeout=seconds)
    except exception.CueException:  # there was no server to call
        raise
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise Cuebot.refused(error) from None
        remark = _remark(error, seconds, method)
        where, hosts = f"{service}.{method}", Cuebot.asked(exception.reached(error))
        raise exception.fromRpcError(error, call=where, remark=remark, hosts=hosts) from None


def change(service: str, method: str, stub: Optional[Any] = None, /, **fields: Any) -> Changed:
    """Do the same, and return how many things the server says that it changed."""
    forget()
    call(service, method, stub, **fields)
    return last()


def requestClass(service: str, method: str) -> type:
    """Return the message class that `method` of the interface `service` takes."""
    proto = Cuebot.getProto(service)
    interface = proto.DESCRIPTOR.services_by_name[INTERFACES[service][1]]
    return getattr(proto, interface.methods_by_name[method].input_type.name)


_READS = ("Find", "Get", "Is", "Explain", "Read", "List", "Compare", "Try")
"""How methods begin that change nothing."""
LOOK_FIRST = "It may have been done all the same: look before you ask again."


def _remark(error: grpc.RpcError, seconds: float, method: str) -> str:
    """What can be done, and what is not known: an answer that never came is not a refusal."""
    remarks = []
    slow = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    if not exception.reached(error):
        remarks.append(how_to_reach_a_server())
    if slow:
        remarks.append(f"The call was given {seconds * 1000:.0f} ms (cuebot.timeout).")
    if (slow or wasCutOff()) and not method.startswith(_READS):
        remarks.append(LOOK_FIRST)
    return " ".join(remarks)
