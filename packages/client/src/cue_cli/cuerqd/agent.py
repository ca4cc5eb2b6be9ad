"""The agent of one host, spoken to without a server."""

from __future__ import annotations

import getpass
import os
import tempfile
import uuid
from typing import Any, Optional

import grpc
from opencue_proto import rqd_pb2, rqd_pb2_grpc

from opencue import config as configuration
from opencue import exception, listeners
from opencue.cuebot import RequestIdentityInterceptor, TokenInterceptor
from opencue.strangers import StrangerInterceptor, StrangerListens
from opencue.token import TokenInUse, token_of_only_farm_here

DEFAULT_PORT = 8444
"""Where agents answer (`RQD_GRPC_PORT`)."""
CALL_SECONDS = 10.0
TRIED_FOR_SECONDS = 10


class RqdHost:
    """The agent that listens at HOST[:PORT].

    Every method raises a CueException where the agent does not answer, or refuses what it is asked.
    """

    def __init__(self, rqdHost: str, rqdPort: Optional[int] = None) -> None:
        host, port = _split(rqdHost)
        self.address = f"{host}:{rqdPort or port or _default_port()}"
        target = listeners.number_of(self.address)
        self._token = TokenInUse(target, configuration.in_use())
        if self._token.current is None and listeners.owners_of_listeners(target):
            self._token.current = token_of_only_farm_here()
        channel = grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)])
        self._channel = grpc.intercept_channel(
            channel, RequestIdentityInterceptor(), TokenInterceptor(self._token), StrangerInterceptor(self._token)
        )
        self._close = channel.close
        self._stub = rqd_pb2_grpc.RqdInterfaceStub(self._channel)

    def close(self) -> None:
        """Close the connection."""
        self._close()

    def status(self) -> Any:
        """Return what the agent would report to a server now: the host, what runs, and its cores in core units."""
        return self._call("ReportStatus", rqd_pb2.RqdStaticReportStatusRequest()).host_report

    def getRunningFrame(self, frameId: str) -> Any:
        """Return what runs under the id of a frame."""
        request = rqd_pb2.RqdStaticGetRunningFrameStatusRequest(frame_id=frameId)
        return self._call("GetRunningFrameStatus", request).running_frame_info

    def nimbyOn(self) -> None:
        """Have the agent watch for somebody who uses the machine."""
        self._call("NimbyOn", rqd_pb2.RqdStaticNimbyOnRequest())

    def nimbyOff(self) -> None:
        """Have the agent watch for nobody any more."""
        self._call("NimbyOff", rqd_pb2.RqdStaticNimbyOffRequest())

    def lockAll(self) -> None:
        """Offer no cores any more; what runs goes on."""
        self._call("LockAll", rqd_pb2.RqdStaticLockAllRequest())

    def unlockAll(self) -> None:
        """Offer all cores again."""
        self._call("UnlockAll", rqd_pb2.RqdStaticUnlockAllRequest())

    def lock(self, cores: int) -> None:
        """Offer that many core units less (100 are one core)."""
        self._call("Lock", rqd_pb2.RqdStaticLockRequest(cores=cores))

    def unlock(self, cores: int) -> None:
        """Offer that many of the locked core units again."""
        self._call("Unlock", rqd_pb2.RqdStaticUnlockRequest(cores=cores))

    def shutdownRqdNow(self) -> None:
        """End what runs, and then the agent."""
        self._call("ShutdownRqdNow", rqd_pb2.RqdStaticShutdownNowRequest())

    def shutdownRqdIdle(self) -> None:
        """Lock all cores, and end the agent after its last frame."""
        self._call("ShutdownRqdIdle", rqd_pb2.RqdStaticShutdownIdleRequest())

    def restartRqdIdle(self) -> None:
        """Lock all cores, and have the agent start itself anew after its last frame."""
        self._call("RestartRqdIdle", rqd_pb2.RqdStaticRestartIdleRequest())

    def rebootNow(self) -> None:
        """Have the machine reboot at once."""
        self._call("RebootNow", rqd_pb2.RqdStaticRebootNowRequest())

    def rebootIdle(self) -> None:
        """Lock all cores, and have the machine reboot after its last frame."""
        self._call("RebootIdle", rqd_pb2.RqdStaticRebootIdleRequest())

    def launchFrame(self, frame: Any) -> None:
        """Have a frame run that no server has booked; `frame` is a `rqd_pb2.RunFrame`."""
        self._call("LaunchFrame", rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=frame))

    def killFrame(self, frameId: str, message: str) -> None:
        """End what runs under the id of a frame; the message says why."""
        self._call("KillRunningFrame", rqd_pb2.RqdStaticKillRunningFrameRequest(frame_id=frameId, message=message))

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=CALL_SECONDS)
        except StrangerListens:
            raise
        except grpc.RpcError as error:
            raise self._translated(error, method) from None

    def _translated(self, error: grpc.RpcError, method: str) -> exception.CueException:
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAUTHENTICATED:
            text = f"the agent at {self.address} refuses this client: {self._token.why_refused(details)}"
        elif not exception.reached(error) or code is grpc.StatusCode.DEADLINE_EXCEEDED:
            text = (
                f"no agent answers at {self.address} ({exception.transportReason(error)}); name it as HOST[:PORT]. An"
                " agent that took a free port has written its address into the file `address` of its spool folder"
            )
        elif code is grpc.StatusCode.UNIMPLEMENTED:
            reason = "" if "not found" in details else details.partition(": ")[2]
            text = f"the agent at {self.address} does not offer {method}" + (f": {reason}" if reason else "")
        else:
            text = f"the agent at {self.address} answers: {details or code.name}"
        return exception.CueException(text, code=code, details=text)


def frame_to_try(seconds: int = TRIED_FOR_SECONDS) -> Any:
    """Return a frame that writes a line each second, for this user, with its log in the folder of temporary files."""
    number = str(uuid.uuid4())
    frame = rqd_pb2.RunFrame(
        resource_id=number,
        job_id=number,
        job_name="cuerqd-test",
        frame_id=number,
        frame_name="0001-test",
        layer_id=number,
        command=f'for n in $(seq {seconds}); do echo "test frame, second $n"; sleep 1; done',
        user_name=getpass.getuser(),
        log_dir=tempfile.gettempdir(),
        show="cuerqd",
        shot="test",
        job_temp_dir="",
        frame_temp_dir="",
        num_cores=100,
        gid=os.getgid(),
        environment={"CUE_FRAME": "1"},
    )
    if os.getuid():  # root's is refused; without one the host decides
        frame.uid = os.getuid()
    return frame


def _split(address: str) -> tuple[str, Optional[int]]:
    """Return host and port of `HOST`, `HOST:PORT` or `[IPV6]:PORT`."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        return address, None
    if ":" in host and not host.startswith("["):  # an IPv6 address without a port
        return f"[{address}]", None
    if not port.isdecimal() or not 0 < int(port) < 65_536 or not host:
        raise exception.CueException(f"{address!r} is no HOST or HOST:PORT")
    return host, int(port)


def _default_port() -> int:
    given = os.environ.get("RQD_GRPC_PORT", "")
    return int(given) if given.isdecimal() and 0 < int(given) < 65_536 else DEFAULT_PORT
