"""A small server that keeps the contract of docs/reference/agent-protocol.md, and a real agent to talk to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Optional

import grpc
import psutil
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc

from rqd.supervisor.book import PAGE_BYTES, Page

TOKEN = "the-token-of-this-installation"
PATIENCE_SECONDS = 30.0
LEASE_SECONDS = "2"
"""For tests in which it lapses: short, and many times what a busy machine takes for a report."""


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until the condition is true, and return what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds:g} s: {what}")


class FakeServer(report_pb2_grpc.RqdReportInterfaceServicer):
    """Takes reports, acknowledges outcomes, and can be told to misbehave."""

    def __init__(self) -> None:
        self.boots: list[Any] = []
        self.reports: list[Any] = []
        self.completions: list[Any] = []
        self.tokens: set[Optional[str]] = set()
        self.host_names: set[Optional[str]] = set()
        self.runs_to_end: set[str] = set()
        self.refuse_reports = False
        self.refuse_reports_with = grpc.StatusCode.UNAVAILABLE
        self.refused_reports = 0
        self.report_delay_seconds = 0.0
        self.refuse_completions_with: Optional[grpc.StatusCode] = None
        self.port = 0
        self._server: Optional[grpc.Server] = None

    def start(self) -> FakeServer:
        """Listen: on a free port the first time, on the same one after that."""
        self._server = grpc.server(ThreadPoolExecutor(4), options=(("grpc.so_reuseport", 0),))
        report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()
        return self

    def stop(self) -> None:
        """Go away, as a server that was killed does."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def ReportRqdStartup(self, request: Any, context: Any) -> Any:
        """Take a boot report."""
        self._note_token(context)
        self.boots.append(request.boot_report)
        return report_pb2.RqdReportRqdStartupResponse()

    def ReportStatus(self, request: Any, context: Any) -> Any:
        """Take a report, and name the runs that are no longer current."""
        self._note_token(context)
        if self.refuse_reports:
            self.refused_reports += 1
            context.abort(self.refuse_reports_with, "told to refuse")
        time.sleep(self.report_delay_seconds)
        if self.runs_to_end:
            context.set_trailing_metadata((("cuefarm-end-runs", ",".join(sorted(self.runs_to_end))),))
        self.reports.append(request.host_report)
        return report_pb2.RqdReportStatusResponse()

    def ReportRunningFrameCompletion(self, request: Any, context: Any) -> Any:
        """Take an outcome, or refuse it."""
        self._note_token(context)
        if self.refuse_completions_with is not None:
            context.abort(self.refuse_completions_with, "told to refuse")
        self.completions.append(request.frame_complete_report)
        return report_pb2.RqdReportRunningFrameCompletionResponse()

    def completions_of(self, run_id: str) -> list[Any]:
        """Every completion that came for this run."""
        return [report for report in list(self.completions) if report.frame.resource_id == run_id]

    def outcome(self, run_id: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait for the outcome of a run."""
        return eventually(lambda: self.completions_of(run_id), f"outcome of run {run_id}", seconds)[0]

    def next_report(self) -> Any:
        """Wait for a report that is sent from now on."""
        count = len(self.reports) + 1  # one may be on its way already
        eventually(lambda: len(self.reports) > count, "another report")
        return self.reports[-1]

    def state_of(self, run_id: str) -> str:
        """The state of a run in the last report, empty where it is not listed."""
        return self.said_of(run_id, "cuefarm.state")

    def said_of(self, run_id: str, key: str) -> str:
        """What the last report says of a run, empty where it says nothing or does not list it."""
        frames = self.reports[-1].frames if self.reports else ()
        return next((f.attributes.get(key, "") for f in frames if f.resource_id == run_id), "")

    def _note_token(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        self.tokens.add(metadata.get("cuefarm-token"))
        self.host_names.add(metadata.get("cuefarm-host"))


class AgentProcess:
    """A real `rqd` in a folder of its own."""

    def __init__(self, folder: Path, server: FakeServer, *options: str) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.logs = folder / "logs"
        self.stderr_path = folder / "agent.stderr"
        token_file = folder / "token"
        token_file.write_text(TOKEN + "\n")
        (folder / "temp").mkdir(exist_ok=True)
        words = ["--port", "0", "--spool", str(self.spool), "--token-file", str(token_file), "--name", "host-a"]
        words += ["--cores", "8", "--temp", str(folder / "temp"), "--report-seconds", "0.2"]
        if "--server-file" not in options:
            words += ["--server", f"127.0.0.1:{server.port}"]
        self.server = server
        self.words = [sys.executable, "-m", "rqd", *words, *options]
        self.process: subprocess.Popen[bytes]
        self.started_at = 0.0
        self._channel: Optional[grpc.Channel] = None

    def start(self, **environment: str) -> AgentProcess:
        """Start it, and wait for its first report."""
        boots = len(self.server.boots)
        self.begin(**environment)
        eventually(lambda: len(self.server.boots) > boots or self.process.poll() is not None, "a boot report")
        assert len(self.server.boots) > boots, self.stderr_path.read_text()
        self.await_boot(boots)
        return self

    def begin(self, **environment: str) -> None:
        """Start it, and wait for nothing."""
        self.started_at = time.monotonic()
        with self.stderr_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                self.words, stderr=stderr, env={**os.environ, **environment}, start_new_session=True
            )

    def await_boot(self, earlier_boots: int) -> None:
        """Wait for a new link to report, and connect to it."""
        eventually(lambda: len(self.server.boots) > earlier_boots, "a boot report")
        self.connect(self.server.boots[-1].host.attributes["cuefarm.address"])

    def connect(self, address: str) -> None:
        """Talk to the agent at this address from now on."""
        if self._channel is not None:
            self._channel.close()
        self._channel = grpc.insecure_channel(address)
        self.stub = rqd_pb2_grpc.RqdInterfaceStub(self._channel)

    @property
    def runner_pid(self) -> int:
        """The pid in the spool's lock: that of the runner, whichever it is by now."""
        return int((self.spool / "lock").read_text())

    @property
    def link_pid(self) -> int:
        """The pid of the link: the runner's child that is no frame."""
        children = psutil.Process(self.runner_pid).children()
        return next(child.pid for child in children if "rqd.link" in child.cmdline())

    def kill_link(self) -> None:
        """SIGKILL the link, and wait for the next one."""
        boots = len(self.server.boots)
        os.kill(self.link_pid, signal.SIGKILL)
        self.await_boot(boots)

    def kill_runner(self) -> None:
        """SIGKILL the runner, and wait until the link has become another."""
        boots = len(self.server.boots)
        os.kill(self.runner_pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)
        self.await_boot(boots)

    def supervisor_of(self, run_id: str) -> psutil.Process:
        """The process that watches a run."""
        return psutil.Process(eventually(lambda: self.pages()[run_id]["supervisor_pid"], f"a supervisor of {run_id}"))

    def pages(self) -> dict[str, Page]:
        """The pages of the agent's book, by run."""
        data = (self.spool / "book").read_bytes() if (self.spool / "book").exists() else b""
        pages = [Page(data, number) for number in range(1, len(data) // PAGE_BYTES)]
        return {page["run_id"]: page for page in pages if page["phase"]}

    def lease_until_ns(self) -> int:
        """When the lease in its book is over."""
        return int(Page((self.spool / "book").read_bytes(), 0)["lease_until_ns"])

    def kill_whole(self) -> None:
        """SIGKILL the link and the runner, so that neither can become the other; frames and supervisors go on."""
        runner, link = self.runner_pid, self.link_pid
        os.kill(runner, signal.SIGSTOP)  # or it would start another link
        os.kill(link, signal.SIGKILL)
        os.kill(runner, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)

    def launch(self, command: str, token: Optional[str] = TOKEN, **fields: Any) -> str:
        """Launch a frame, and return its run's id."""
        frame = run_frame(command, self.logs, **fields)
        request = rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=frame)
        while True:
            try:
                self.stub.LaunchFrame(request, metadata=_token(token), timeout=PATIENCE_SECONDS)
                return str(frame.resource_id)
            except grpc.RpcError as refusal:  # its first report has come, and the answer is on its way
                is_new = time.monotonic() < self.started_at + PATIENCE_SECONDS / 3
                if not (is_new and "had no answer to a report of the last 300 s" in str(refusal.details())):
                    raise
                time.sleep(0.02)

    def launch_refused(self, command: str, **fields: Any) -> grpc.StatusCode:
        """Launch a frame that must be refused, and return the status."""
        try:
            self.launch(command, **fields)
        except grpc.RpcError as refusal:
            return refusal.code()
        raise AssertionError("the launch was not refused")

    def kill(self, frame_id: str = "", run_id: str = "", message: str = "killed by a test") -> None:
        """Ask for the end of a run or of a frame."""
        metadata = (*_token(TOKEN), *((("cuefarm-run-id", run_id),) if run_id else ()))
        request = rqd_pb2.RqdStaticKillRunningFrameRequest(frame_id=frame_id, message=message)
        self.stub.KillRunningFrame(request, metadata=metadata, timeout=PATIENCE_SECONDS)

    def call(self, method: str, request: Any) -> Any:
        """Make any other call."""
        return getattr(self.stub, method)(request, metadata=_token(TOKEN), timeout=PATIENCE_SECONDS)

    def log_of(self, frame_name: str = "0001-layer", job_name: str = "job", suffix: str = "") -> str:
        """What is in a frame's log."""
        return (self.logs / f"{job_name}.{frame_name}.rqlog{suffix}").read_text()

    def stop(self) -> int:
        """Have it end with its frames; returns its exit status (of the first runner)."""
        return self._end_by(signal.SIGINT)

    def leave(self) -> int:
        """Have it end and let its frames go on; returns its exit status."""
        return self._end_by(signal.SIGTERM)

    def _end_by(self, number: signal.Signals) -> int:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.runner_pid, number)
        return self.process.wait(PATIENCE_SECONDS)

    def destroy(self) -> None:
        """Leave nothing of it behind, whatever the test did to it."""
        if self._channel is not None:
            self._channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_SECONDS)
        for process in processes_with(str(self.spool)):  # a runner that came after the first, and links
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for page in self.pages().values():
            with contextlib.suppress(psutil.NoSuchProcess):
                supervisor = psutil.Process(page["supervisor_pid"] or 2**31 - 1)
                if supervisor.environ().get("CUEFARM_RUN_ID") == page["run_id"]:
                    for process in [supervisor, *supervisor.children(recursive=True)]:
                        process.kill()
        self.process.wait(PATIENCE_SECONDS)


def run_frame(command: str, logs: Path, **fields: Any) -> Any:
    """A launch as the server sends it; anything in it can be given."""
    values: dict[str, Any] = {
        "resource_id": str(uuid.uuid4()),
        "frame_id": str(uuid.uuid4()),
        "frame_name": "0001-layer",
        "job_id": "job-id",
        "job_name": "job",
        "layer_id": "layer-id",
        "user_name": "anna",
        "log_dir": str(logs),
        "show": "testing",
        "shot": "sh010",
        "num_cores": 100,
    }
    return rqd_pb2.RunFrame(command=command, **{**values, **fields})


def processes_with(marker: str) -> list[psutil.Process]:
    """The live processes whose command line holds the marker, but for supervisors, whose line has their command's.

    The oldest is the first: what a shell has just forked has its line for a moment.
    """

    def matching() -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or [""]
            is_supervisor = os.path.basename(words[0]) == "supervise" or any(w.endswith("stand_in.py") for w in words)
            if process.info["status"] != psutil.STATUS_ZOMBIE and marker in " ".join(words) and not is_supervisor:
                yield process

    return sorted(matching(), key=lambda process: process.create_time())


def stands_still(process: psutil.Process) -> bool:
    """Whether a process is suspended: stopped, or waiting in the kernel for a child that is.

    A shell that has just vforked waits so until its child has become another program, and a stopped child never does.
    """
    status = process.status()
    if status == psutil.STATUS_DISK_SLEEP:
        return any(child.status() == psutil.STATUS_STOPPED for child in process.children())
    return bool(status == psutil.STATUS_STOPPED)


def _token(token: Optional[str]) -> tuple[tuple[str, str], ...]:
    return (("cuefarm-token", token),) if token is not None else ()
