"""The server's log may be lost, and never takes anything else with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cuebot.app.logs import Unfailing

SAY = (
    "import structlog, logging, sys; from cuebot.app.logs import configure\n"
    "from cuebot.app.log_levels import LogLevels; configure(LogLevels())\n"
    "log = structlog.get_logger('test')\n"
    "sys.stdin.readline()\n"
    "log.warning('one', frame='ü'); logging.getLogger('library').warning('two')\n"
    "try: 1 / 0\n"
    "except ZeroDivisionError as error: log.error('three', exc_info=error)\n"
    "print('went on', flush=True)\n"
)


def test_a_log_whose_reader_has_gone_stops_nothing() -> None:
    """Messages into a closed pipe are lost; the program goes on and ends as usual."""
    child = subprocess.Popen(
        [sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    child.stderr.close()
    out, _ = child.communicate("go\n", timeout=60)
    assert (out, child.returncode) == ("went on\n", 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_the_log_stops_nothing() -> None:
    """Messages onto a full disk are lost; the program goes on and ends as usual."""
    with open("/dev/full", "wb", buffering=0) as full:
        done = subprocess.run(
            [sys.executable, "-c", SAY], input="go\n", stdout=subprocess.PIPE, stderr=full, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert (done.stdout, done.returncode) == ("went on\n", 0)


def test_what_was_lost_is_counted_once_there_is_room(tmp_path: Path) -> None:
    """The first line that can be written again is preceded by how many could not."""
    path = tmp_path / "log"
    with path.open("w") as file:
        log = Unfailing(file)
        kept = os.dup(file.fileno())
        os.close(file.fileno())
        log.write("lost\n")
        log.write("lost too\n")
        os.dup2(kept, file.fileno())
        os.close(kept)
        log.write("here again\n")
    assert path.read_text() == "2 lines of this log could not be written\nhere again\n"
