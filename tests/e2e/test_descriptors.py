"""Server and agent start, work and stop in order without stdin, stdout or stderr, as some supervisors start them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from farm_process import wait_for
from serve_process import ServeProcess

from opencue import running_farms

CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


def descriptors_of(pid: int) -> list[str]:
    """What a process has at 0, 1 and 2."""
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="descriptors are looked up in /proc")
@pytest.mark.parametrize("closed", CLOSED)
def test_server_and_agent_run_without_a_standard_descriptor(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both come up, see each other, have /dev/null where nothing was, and end with 0."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "logs").mkdir()
    server = ServeProcess(tmp_path, f"sqlite:///{tmp_path}/farm.sqlite")
    server.program = ["/bin/sh", "-c", f'exec "{sys.executable}" -m cuebot.app.cli "$@" {closed}', "sh"]
    agent = ["/bin/sh", "-c", f'exec "{sys.executable}" -m rqd "$@" {closed}', "sh"]
    agent += ["--token-file", f"{tmp_path}/token", "--spool", f"{tmp_path}/spool", "--port", "0", "--name", "quiet"]
    agent += ["--run-as-root", "--report-seconds", "0.5"]
    started: subprocess.Popen[bytes] | None = None
    try:
        server.begin()
        assert server.process is not None
        farms = wait_for(running_farms.found, 30, "the server to run")
        server.grpc = farms[0].address
        agent_stderr = tmp_path / "agent.stderr"
        with agent_stderr.open("wb") as file:
            started = subprocess.Popen([*agent, "--server", server.grpc], stdin=subprocess.DEVNULL, stderr=file)

        def hosts() -> str:
            assert started is not None
            assert started.poll() is None, agent_stderr.read_text()
            listed = server.run("cueadmin", "-lh").stdout
            return listed if "quiet" in listed else ""

        wait_for(hosts, 30, "the agent to report")
        for process in (server.process, started):
            for number, redirection in enumerate(("<&-", ">&-", "2>&-")):
                if redirection in closed.split():
                    assert descriptors_of(process.pid)[number] == "/dev/null"
        started.terminate()
        assert started.wait(30) == 0
        assert server.stop() == 0
    finally:
        if started is not None and started.poll() is None:
            started.terminate()
            started.wait(30)
        server.cleanup()
