"""Upstream's published RQD reports to this farm and runs its frames, without a token, at least once each."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, wait_for

RQD_PORT = 8444
"""Upstream's server calls every agent there, so upstream's agent can be nowhere else."""


def test_upstream_rqd_runs_a_job(tmp_path: Path, upstream_bin: Path) -> None:
    """It registers, gets its frames, and its reports finish the job with the right exit statuses."""
    try:
        socket.create_server(("127.0.0.1", RQD_PORT)).close()
    except OSError:
        pytest.skip(f"port {RQD_PORT} is in use")
    farm = FarmProcess(tmp_path / "farm", "--no-agent", "--open", "agents").start()
    config = tmp_path / "rqd.conf"
    config.write_text(
        "[Override]\nOVERRIDE_HOSTNAME = localhost\nRQD_USE_IP_AS_HOSTNAME = False\nDEFAULT_FACILITY = local\n"
        f"OVERRIDE_CUEBOT = 127.0.0.1\nCUEBOT_GRPC_PORT = {farm.grpc.rsplit(':', 1)[1]}\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (tmp_path / "rqd.log").open("wb") as log:
        rqd = subprocess.Popen([str(upstream_bin / "rqd"), "-c", str(config)], env=environment, stdout=log, stderr=log)
    try:
        opencue = farm.connect()
        wait_for(lambda: opencue.api.getHosts(), 30, "upstream's agent to register")
        good = farm.launch("good", layer("work", "echo frame #IFRAME#", "1-3", cores="1.0"))
        assert farm.wait_job(good, 60).succeededFrames() == 3
        log_file = next(Path(good.logDir()).glob("*0002-work.rqlog"))
        assert "frame 2" in log_file.read_text()
        bad = farm.launch("bad", layer("work", "exit 3", "1", cores="1.0"), job="<maxretries>0</maxretries>")
        wait_for(lambda: opencue.api.getJob(bad.id()).deadFrames() == 1, 60, "the frame to die")
        assert opencue.api.findFrame(bad.name(), "work", 1).exitStatus() == 3
    finally:
        rqd.terminate()
        rqd.wait(20)
        farm.cleanup()
