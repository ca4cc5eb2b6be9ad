"""The engine's port `Agents` over gRPC: runs are launched and killed on hosts.

Each agent has one channel and a queue of its own (`link`), so that a slow agent holds up nobody else; where an agent
keeps a stream open, its orders go there instead. What an answer means is laid down in docs/reference/agent-protocol.md.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from opencue_proto import rqd_pb2

from cuebot.domain.errors import FarmError, NotOffered, Refused
from cuebot.engine.ports import Answer, Answered
from cuebot.engine.requests import Address, KillRequest, LaunchRequest, LimitsRequest
from cuebot.wire.agents.link import Link, Room
from cuebot.wire.agents.run_messages import limits_message, run_message
from cuebot.wire.agents.streams import NOT_SENT, AgentStreams, Over
from cuebot.wire.doors import TOKEN_KEY

log = structlog.get_logger("agents")

DEADLINE_SECONDS: Final = 10.0
CHANNELS_KEPT: Final = 1_024
RUN_ID_KEY: Final = "cuefarm-run-id"
INSTANCE_KEY: Final = "cuefarm-instance"
WORDS_CHARACTERS: Final = 500

_Code = grpc.StatusCode
DEFINITE_REFUSALS: Final = frozenset(
    {
        _Code.INVALID_ARGUMENT,
        _Code.FAILED_PRECONDITION,
        _Code.ABORTED,
        _Code.RESOURCE_EXHAUSTED,
    }
)
"""It did not and will not run."""
TURNED_AWAY: Final = frozenset({_Code.UNAUTHENTICATED, _Code.PERMISSION_DENIED})
"""The order was not let in, for its token or as it is for another agent: nobody looked whether the run is there."""
NOT_REACHED: Final = frozenset({_Code.UNAVAILABLE, _Code.DEADLINE_EXCEEDED})
"""After one of these the orders that wait for the same agent are not sent at all."""

_NO_CONNECTION: Final = ("failed to connect to all addresses", "dns resolution failed")
"""How gRPC's words begin where there was no connection that the order could have left by."""

_LAUNCH: Final = "/rqd.RqdInterface/LaunchFrame"
_KILL: Final = "/rqd.RqdInterface/KillRunningFrame"
_SHUTDOWN: Final = "/rqd.RqdInterface/ShutdownRqdNow"
_RESTART: Final = "/rqd.RqdInterface/RestartRqdNow"
_RESTART_IDLE: Final = "/rqd.RqdInterface/RestartRqdIdle"


class GrpcAgents:
    """Hosts' agents by their address. Made and used on the engine's loop."""

    def __init__(self, *, token: str | None, now_us: Callable[[], int], deadline_s: float = DEADLINE_SECONDS) -> None:
        self._token = token
        self._now_us = now_us
        self._deadline_s = deadline_s
        self.streams = AgentStreams(deadline_s=deadline_s)
        self._links: OrderedDict[str, Link] = OrderedDict()
        self._rooms: WeakValueDictionary[str, Room] = WeakValueDictionary()
        """By machine, of which there is a link."""
        self._closing: set[asyncio.Task[None]] = set()

    def launch(self, address: Address, orders: Sequence[LaunchRequest], answered: Answered) -> None:
        """Start runs on a host. Returns at once; `answered` is called for each."""
        stream = self.streams.find(address.target, address.instance) if address.ours else None
        for order in orders:
            over = partial(_launch_over, answered, order.run_id, address.ours)
            try:
                if stream is not None:
                    stream.launch(run_message(order), over)
                    continue
                request = rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=run_frame(order, self._now_us()))
            except (TypeError, ValueError) as error:
                _tell(answered, order.run_id, Answer.INVALID, f"this run cannot be put into a message: {error}")
                continue
            self._call(address, _LAUNCH, request, order.run_id, over)

    def kill(self, address: Address, orders: Sequence[KillRequest], answered: Answered) -> None:
        """End runs on a host. Returns at once; `answered` is called for each."""
        stream = self.streams.find(address.target, address.instance) if address.ours else None
        for order in orders:
            over = partial(_kill_over, answered, order.run_id)
            if stream is not None:
                stream.kill(order.run_id, order.frame_id, order.message, over)
            else:
                request = rqd_pb2.RqdStaticKillRunningFrameRequest(frame_id=order.frame_id, message=order.message)
                self._call(address, _KILL, request, order.run_id, over)

    def limit(self, address: Address, orders: Sequence[LimitsRequest]) -> None:
        """Tell a host what its runs may not exceed. Without a stream it is told when it opens one."""
        stream = self.streams.find(address.target, address.instance) if address.ours else None
        if stream is not None:
            for order in orders:
                stream.limit(order.run_id, limits_message(order.limits))

    async def shutdown(self, address: Address) -> bool:
        """Tell an agent to end its runs and itself. Returns whether it said that it will."""
        link = self._link(address)
        request = rqd_pb2.RqdStaticShutdownNowRequest()
        code, detail = await self._ask(link.call(_SHUTDOWN), request.SerializeToString(), self._metadata(address))
        if code is not _Code.OK:
            log.warning("an agent did not take its shutdown", host=address.host_name, status=code.name, detail=detail)
        return code is _Code.OK

    async def restart(self, address: Address, when_idle: bool) -> None:
        """Have an agent start itself anew, at once or after its last run. Raises FarmError where it will not."""
        rpc, request = _RESTART, rqd_pb2.RqdStaticRestartNowRequest().SerializeToString()
        if when_idle:
            rpc, request = _RESTART_IDLE, rqd_pb2.RqdStaticRestartIdleRequest().SerializeToString()
        link = self._link(address)
        code, detail = await self._ask(link.call(rpc), request, self._metadata(address))
        if code is _Code.UNIMPLEMENTED:
            raise NotOffered(f"the agent of host {address.host_name!r} does not restart itself ({detail})")
        if code is not _Code.OK:
            why = detail.removeprefix(NOT_SENT)
            raise Refused(f"the agent of host {address.host_name!r} at {address.target} was not told to restart: {why}")

    async def close(self) -> None:
        """Drop what waits and close all channels; nobody is answered any more."""
        self.streams.close()
        links = list(self._links.values())
        self._links.clear()
        await asyncio.gather(*(link.close() for link in links), *self._closing)

    # --- one order ------------------------------------------------------------------------------------------------

    def _call(self, address: Address, method: str, request: Message, run_id: str, over: Over) -> None:
        """Queue an order as an RPC of its own."""
        link = self._link(address)
        metadata = self._metadata(address, run_id)
        link.put(partial(self._order, link.call(method), request.SerializeToString(), metadata, over), over)

    async def _order(self, rpc: Any, body: bytes, metadata: Metadata, over: Over) -> grpc.StatusCode:
        code, detail = await self._ask(rpc, body, metadata)
        over(code, detail)
        return code

    def _metadata(self, address: Address, run_id: str = "") -> Metadata:
        """What goes with an order: the token, the run that is meant, and the agent that is meant."""
        given = ((RUN_ID_KEY, run_id), (TOKEN_KEY, self._token or ""), (INSTANCE_KEY, address.instance))
        return tuple((key, value) for key, value in given if value)

    async def _ask(self, rpc: Any, body: bytes, metadata: Metadata) -> tuple[grpc.StatusCode, str]:
        try:
            await rpc(body, timeout=self._deadline_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            details = error.details() or ""
            never_left = error.code() is _Code.UNAVAILABLE and details.lower().startswith(_NO_CONNECTION)
            return error.code(), f"{NOT_SENT if never_left else ''}{error.code().name}: {details}"[:WORDS_CHARACTERS]
        return _Code.OK, ""

    # --- channels -------------------------------------------------------------------------------------------------

    def _link(self, address: Address) -> Link:
        link = self._links.get(address.target)
        if link is None:
            room = self._rooms.get(address.machine)
            if room is None:
                room = self._rooms[address.machine] = Room(self._deadline_s)
            link = self._links[address.target] = Link(address.target, room, NOT_REACHED)
            self._close_oldest_idle()
        self._links.move_to_end(address.target)
        return link

    def _close_oldest_idle(self) -> None:
        if len(self._links) <= CHANNELS_KEPT:
            return
        for target, link in self._links.items():
            if link.idle:
                del self._links[target]
                task = asyncio.get_running_loop().create_task(link.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
                return


Metadata = tuple[tuple[str, str], ...]


def _tell(answered: Answered, run_id: str, answer: Answer, detail: str) -> None:
    """Hand an answer on. The engine may be too full to take it; the host's next report then says the same."""
    try:
        answered(run_id, answer, detail)
    except FarmError as error:
        log.error("an agent's answer was not taken", run=run_id, answer=answer.value, error=str(error))


def _launch_over(answered: Answered, run_id: str, ours: bool, code: grpc.StatusCode | None, detail: str) -> None:
    answer = Answer.NOT_TAKEN_IN if detail.startswith(NOT_SENT) else launch_answer(code, ours=ours)
    _tell(answered, run_id, answer, detail)


def _kill_over(answered: Answered, run_id: str, code: grpc.StatusCode | None, detail: str) -> None:
    _tell(answered, run_id, Answer.NOT_TAKEN_IN if detail.startswith(NOT_SENT) else kill_answer(code), detail)


def launch_answer(code: grpc.StatusCode | None, *, ours: bool) -> Answer:
    """What a launch's status means. Upstream's agent refuses with a plain exception, which gRPC calls UNKNOWN."""
    if code is _Code.OK:
        return Answer.ACCEPTED
    if code is _Code.INVALID_ARGUMENT and ours:
        return Answer.INVALID
    if code in TURNED_AWAY:
        return Answer.NOT_TAKEN_IN
    if code in DEFINITE_REFUSALS or (code is _Code.UNKNOWN and not ours):
        return Answer.REFUSED
    return Answer.UNKNOWN


def kill_answer(code: grpc.StatusCode | None) -> Answer:
    """What a kill's status means."""
    if code is _Code.OK:
        return Answer.ACCEPTED
    if code is _Code.NOT_FOUND:
        return Answer.NOT_FOUND
    return Answer.REFUSED if code in DEFINITE_REFUSALS | TURNED_AWAY else Answer.UNKNOWN


def run_frame(order: LaunchRequest, now_us: int) -> rqd_pb2.RunFrame:
    """An order as the message that agents take. Its start time is in milliseconds."""
    message = rqd_pb2.RunFrame(
        resource_id=order.run_id,
        job_id=order.job_id,
        job_name=order.job_name,
        frame_id=order.frame_id,
        frame_name=order.frame_name,
        layer_id=order.layer_id,
        command=order.command,
        user_name=order.user,
        log_dir=order.log_dir,
        show=order.show,
        shot=order.shot,
        start_time=now_us // 1_000,
        num_cores=order.cores,
        num_gpus=order.gpus,
        environment=order.environment,
        os=order.os,
        soft_memory_limit=order.soft_memory,
        hard_memory_limit=order.hard_memory,
    )
    if order.uid is not None:
        message.uid = order.uid
    return message
