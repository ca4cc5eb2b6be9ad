"""A real farm in a folder: real processes, started and ended by pid, driven as a user drives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

START_SECONDS = 40.0


class FarmProcess:
    """`cuefarm up` on free ports, with one agent unless told otherwise."""

    def __init__(self, data: Path, *extra: str) -> None:
        self.data = data
        self.extra = extra
        self.server: subprocess.Popen[bytes] | None = None
        self._seen: dict[int, float] = {}

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> FarmProcess:
        """Start the server and wait until it has announced itself."""
        self.data.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "cuebot.app.cli", "up", "--data", str(self.data)]
        command += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "warning", *self.extra]
        with (self.data / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        pid = self.server.pid
        wait_for(lambda: self._announced().get("pid") == pid or self._died(), START_SECONDS, "the server to start")
        wait_for(lambda: self.agents() or "--no-agent" in self.extra, START_SECONDS, "the agent to start")
        self._remember()
        return self

    def kill_server(self) -> None:
        """SIGKILL: the server has no chance to say goodbye."""
        assert self.server is not None
        self._remember()
        self.server.kill()
        self.server.wait(10)

    def stop(self) -> int:
        """SIGTERM: the farm ends in order. Returns the server's exit status."""
        assert self.server is not None
        self._remember()
        self.server.terminate()
        return self.server.wait(30)

    def cleanup(self) -> None:
        """End whatever this farm started, by pid and start time."""
        self._remember()
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait(10)
        for pid, started in self._seen.items():
            try:
                process = psutil.Process(pid)
                if abs(process.create_time() - started) < 1:
                    process.kill()
            except psutil.NoSuchProcess:
                continue

    def _died(self) -> bool:
        assert self.server is not None
        if self.server.poll() is not None:
            raise AssertionError(f"the server ended with {self.server.returncode}:\n{self.words()}")
        return False

    def _remember(self) -> None:
        for agent in self.agents():
            for process in [agent, *agent.children(recursive=True)]:
                self._seen[process.pid] = process.create_time()

    # --- looking --------------------------------------------------------------------------------------------------

    def _announced(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.data / "run" / "server.json").read_text()))
        except (OSError, ValueError):
            return {}

    @property
    def grpc(self) -> str:
        """Where the server answers."""
        return str(self._announced()["grpc"])

    @property
    def http(self) -> str:
        """Where HTTP answers."""
        return str(self._announced()["http"])

    def agents(self) -> list[psutil.Process]:
        """The agents' main processes (the runners)."""
        found = []
        for lock in sorted((self.data / "run").glob("agent-*/lock")):
            try:
                process = psutil.Process(int(lock.read_text()))
                if str(lock.parent) in process.cmdline():
                    found.append(process)
            except (psutil.NoSuchProcess, ValueError):
                continue
        return found

    def link(self) -> psutil.Process | None:
        """The gRPC side of the first agent, while it has one."""
        for child in self.agents()[0].children():
            try:
                if "rqd.link" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                    return child
            except psutil.NoSuchProcess:
                continue
        return None

    def words(self) -> str:
        """What the server said."""
        return (self.data / "server.log").read_text(errors="replace")[-4000:]

    # --- using ----------------------------------------------------------------------------------------------------

    def run(self, *command: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of our commands against this farm, as from another terminal."""
        environment = {**os.environ, "CUEBOT_HOSTS": self.grpc}
        executable = Path(sys.executable).with_name(command[0])
        return subprocess.run(
            [str(executable), *command[1:]],
            env=environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def connect(self) -> Any:
        """The `opencue` package, talking to this farm."""
        import opencue

        opencue.Cuebot.setHosts([self.grpc])
        return opencue

    def launch(self, name: str, *layers: str, depends: str = "", job: str = "") -> Any:
        """Launch a job from layer elements made by `layer()`. Returns the opencue Job."""
        opencue = self.connect()
        return opencue.api.launchSpecAndWait(spec(name, *layers, depends=depends, job=job))[0]

    def wait_job(self, job: Any, seconds: float = 60.0) -> Any:
        """Wait until a job is finished; its last state."""
        opencue = self.connect()

        def finished() -> bool:
            self._remember()
            return int(opencue.api.getJob(job.id()).state()) == int(opencue.api.job_pb2.FINISHED)

        wait_for(finished, seconds, f"job {job.name()} to finish")
        return opencue.api.getJob(job.id())

    def await_on_disk(self, jobs: int, seconds: float = 60.0) -> None:
        """Wait until so many finished jobs have left memory, and none is there."""
        api = self.connect().api

        def left() -> bool:
            kept = api.getRetention()
            return (kept.jobs_on_disk, kept.jobs_in_memory) == (jobs, 0)

        wait_for(left, seconds, f"{jobs} jobs to leave memory")


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until a condition is true; its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def layer(name: str, command: str, frames: str, *, cores: str = "0.1", memory: str = "256m", more: str = "") -> str:
    """A layer element."""
    from xml.sax.saxutils import escape

    return (
        f'<layer name="{name}" type="Render"><cmd>{escape(command)}</cmd><range>{frames}</range><chunk>1</chunk>'
        f"<cores>{cores}</cores><memory>{memory}</memory>{more}</layer>"
    )


def spec(name: str, *layers: str, depends: str = "", job: str = "", show: str = "testing") -> str:
    """A job specification."""
    return (
        '<?xml version="1.0"?><!DOCTYPE spec PUBLIC "SPI Cue Specification Language"'
        ' "http://localhost:8080/spcue/dtd/cjsl-1.15.dtd">'
        f"<spec><facility>local</facility><show>{show}</show><shot>sh010</shot><user>ann</user>"
        f'<job name="{name}"><paused>False</paused>{job}<env/><layers>{"".join(layers)}</layers></job>'
        f"<depends>{depends}</depends></spec>"
    )


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to this very process."""
    os.kill(process.pid, number)
