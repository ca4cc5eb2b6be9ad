"""What `up` knows of its agents' processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from cuebot.app.data_folder import DataFolder
from cuebot.app.local_agents import LocalAgents
from cuebot.app.shares import Share

BECOMES_ANOTHER = "import os, sys; print(flush=True); sys.stdin.readline(); os.execv('/bin/sleep', ['sleep', '60'])\n"


def test_a_link_that_becomes_the_runner_is_never_out_of_sight(tmp_path: Path) -> None:
    """While a process becomes another program, its words are gone for a moment: one that was known still is."""
    folder = DataFolder(tmp_path / "farm")
    folder.create()
    folder.agent_spool("vm").mkdir()
    package = tmp_path / "code" / "rqd"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "link.py").write_text(BECOMES_ANOTHER)
    agents = LocalAgents(folder, [Share("vm", 1, 1, is_whole=True)], log_level="info")
    link = subprocess.Popen(
        [sys.executable, "-m", "rqd.link", str(folder.agent_spool("vm"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "code")},
    )
    assert link.stdin is not None
    assert link.stdout is not None
    try:
        link.stdout.readline()
        assert [process.pid for process in agents._processes()] == [link.pid]
        link.stdin.write("go on\n")
        link.stdin.flush()
        while "rqd.link" in psutil.Process(link.pid).cmdline():
            time.sleep(0.01)
        assert [process.pid for process in agents._processes("vm")] == [link.pid]
    finally:
        link.kill()
        link.wait(10)
    assert agents._processes() == []
