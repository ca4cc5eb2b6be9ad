"""A FakeServer that also takes streams, and can break them."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

import grpc
from agent_farm import FakeServer, eventually
from opencue_proto import report_pb2, report_pb2_grpc

from cuefarm_proto import agent_pb2


def run_order(frame: Any, **more: Any) -> Any:
    """What a server sends by a stream for the launch that `farm.run_frame` makes; anything in it can be given."""
    values: dict[str, Any] = {
        "run_id": frame.resource_id,
        "frame_id": frame.frame_id,
        "frame_name": frame.frame_name,
        "job_id": frame.job_id,
        "job_name": frame.job_name,
        "layer_id": frame.layer_id,
        "show": frame.show,
        "shot": frame.shot,
        "user": {"name": frame.user_name},
        "shell_text": frame.command,
        "environment": frame.environment,
        "cores": frame.num_cores,
        "log": {"root": frame.log_dir, "name": (frame.job_name, frame.frame_name)},
    }
    return agent_pb2.RunOrder(**{**values, **more})


class OpenStream:
    """One stream, as the server has it."""

    def __init__(self, hello: Any, token: Optional[str]) -> None:
        self.hello = hello
        self.token = token
        self.to_send: queue.Queue[Optional[Any]] = queue.Queue()
        self.answers: dict[int, tuple[int, str]] = {}
        self._orders = itertools.count(1)

    def launch(self, *runs: Any) -> list[int]:
        """Send launches in one message, and return their numbers. A RunFrame becomes a RunOrder first."""
        orders = [next(self._orders) for _ in runs]
        launches = [
            agent_pb2.Launch(order=order, run=run if isinstance(run, agent_pb2.RunOrder) else run_order(run))
            for order, run in zip(orders, runs)  # noqa: B905  # strict came with Python 3.10
        ]
        self.to_send.put(agent_pb2.ToAgent(launches=launches))
        return orders

    def kill(self, run_id: str) -> int:
        """Send a kill, and return its number."""
        order = next(self._orders)
        self.to_send.put(agent_pb2.ToAgent(kills=[agent_pb2.Kill(order=order, run_id=run_id, message="by a test")]))
        return order

    def limit(self, run_id: str, **limits: int) -> None:
        """Send new limits of a run."""
        new = agent_pb2.NewLimits(run_id=run_id, limits=agent_pb2.Limits(**limits))
        self.to_send.put(agent_pb2.ToAgent(limits=[new]))

    def answer(self, order: int) -> tuple[int, str]:
        """Wait for the answer to an order: its status and words."""
        return eventually(lambda: self.answers.get(order), f"answer to order {order}")

    def end(self) -> None:
        """End it in good order."""
        self.to_send.put(None)


def _to_bytes(message: Any) -> bytes:
    """A message, or what a test would have in its place."""
    return message if isinstance(message, bytes) else bytes(message.SerializeToString())


class StreamServer(FakeServer):
    """Takes streams besides single calls. Outcomes that came by a stream are in `streamed`, and in no other list."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[OpenStream] = []
        self.streamed: list[Any] = []
        self.acknowledges = True
        self.protocol = 1
        """What the first answer says."""
        self.not_taken: set[str] = set()
        """Runs whose outcome is not taken the next time it comes."""

    def start(self) -> StreamServer:
        """Listen: on a free port the first time, on the same one after that."""
        self._server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
        report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(self, self._server)
        work = grpc.stream_stream_rpc_method_handler(self.Work, agent_pb2.FromAgent.FromString, _to_bytes)
        streams = grpc.method_handlers_generic_handler("cuefarm.v1.AgentInterface", {"Work": work})
        self._server.add_generic_rpc_handlers((streams,))
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
        yield agent_pb2.ToAgent(protocol=self.protocol)
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
