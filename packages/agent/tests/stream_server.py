"""A FakeServer that also takes streams, and can break them."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

import grpc
from opencue_proto import report_pb2, report_pb2_grpc

from cuefarm_proto import agent_pb2, agent_pb2_grpc

from .farm import FakeServer, eventually


class OpenStream:
    """One stream, as the server has it."""

    def __init__(self, hello: Any, token: Optional[str]) -> None:
        self.hello = hello
        self.token = token
        self.to_send: queue.Queue[Optional[Any]] = queue.Queue()
        self.answers: dict[int, tuple[int, str]] = {}
        self._orders = itertools.count(1)

    def launch(self, *frames: Any) -> list[int]:
        """Send launches in one message, and return their numbers."""
        orders = [next(self._orders) for _ in frames]
        launches = [
            agent_pb2.Launch(order=order, run_frame=frame.SerializeToString())
            for order, frame in zip(orders, frames)  # noqa: B905  # strict came with Python 3.10
        ]
        self.to_send.put(agent_pb2.ToAgent(launches=launches))
        return orders

    def kill(self, run_id: str) -> int:
        """Send a kill, and return its number."""
        order = next(self._orders)
        self.to_send.put(agent_pb2.ToAgent(kills=[agent_pb2.Kill(order=order, run_id=run_id, message="by a test")]))
        return order

    def answer(self, order: int) -> tuple[int, str]:
        """Wait for the answer to an order: its status and words."""
        return eventually(lambda: self.answers.get(order), f"answer to order {order}")

    def end(self) -> None:
        """End it in good order."""
        self.to_send.put(None)


class StreamServer(FakeServer, agent_pb2_grpc.AgentInterfaceServicer):
    """Takes streams besides single calls. Outcomes that came by a stream are in `streamed`, and in no other list."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[OpenStream] = []
        self.streamed: list[Any] = []
        self.acknowledges = True
        self.not_taken: set[str] = set()
        """Runs whose outcome is not taken the next time it comes."""

    def start(self) -> StreamServer:
        """Listen: on a free port the first time, on the same one after that."""
        self._server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
        report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(self, self._server)
        agent_pb2_grpc.add_AgentInterfaceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()
        return self

    def Work(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        """Serve one stream."""
        token = dict(context.invocation_metadata()).get("cuefarm-token")
        stream = OpenStream(next(requests).hello, token)
        reader = ThreadPoolExecutor(1)
        reader.submit(self._read, requests, stream)
        context.add_callback(stream.end)
        yield agent_pb2.ToAgent()
        self.streams.append(stream)
        while (message := stream.to_send.get()) is not None:
            yield message
        reader.shutdown(wait=False)

    def _read(self, requests: Iterator[Any], stream: OpenStream) -> None:
        for message in requests:
            for answer in message.answers:
                stream.answers[answer.order] = (answer.code, answer.words)
            for raw in message.outcomes:
                self._take(report_pb2.FrameCompleteReport.FromString(raw), stream)

    def _take(self, report: Any, stream: OpenStream) -> None:
        run_id = report.frame.resource_id
        if run_id in self.not_taken:
            self.not_taken.discard(run_id)
            refusal = agent_pb2.NotTaken(run_id=run_id, code=grpc.StatusCode.UNAVAILABLE.value[0], words="not now")
            stream.to_send.put(agent_pb2.ToAgent(not_taken=[refusal]))
            return
        self.streamed.append(report)
        if self.acknowledges:
            stream.to_send.put(agent_pb2.ToAgent(acknowledged=[run_id]))

    def stream(self, number: int = 1) -> OpenStream:
        """Wait for a stream by its place in time, counted from 1."""
        eventually(lambda: len(self.streams) >= number, f"stream {number}")
        return self.streams[number - 1]

    def streamed_outcome(self, run_id: str) -> Any:
        """Wait for the outcome of a run to come by a stream."""
        return eventually(
            lambda: next((r for r in list(self.streamed) if r.frame.resource_id == run_id), None),
            f"outcome of {run_id}",
        )
