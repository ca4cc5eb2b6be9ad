"""`cuefarm demo`, as a newcomer runs it, only smaller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from farm_process import wait_for

SMALL = ("--frames", "1-2", "--size", "96x64")


def start(data: Path, *options: str) -> subprocess.Popen[str]:
    """`cuefarm demo` on a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cuebot.app.cli", "demo", "--data", str(data), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=data.parent,
        start_new_session=True,
    )


def processes_of(data: Path) -> list[psutil.Process]:
    """Every process that was started for this folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(str(data) in word for word in words) and process.pid != os.getpid():
            found.append(process)
    return found


@pytest.fixture
def data(tmp_path: Path):
    """A folder whose processes are ended with the test."""
    folder = tmp_path / "demo"
    yield folder
    for process in processes_of(folder):
        process.kill()


def test_demo_renders_a_movie(data: Path) -> None:
    """It renders every frame, prints where movie and contact sheet are, stops its farm, and exits 0."""
    demo = start(data, *SMALL)
    words, _ = demo.communicate(timeout=100)
    assert demo.returncode == 0, words
    movie = next(data.glob("renders/*/*.mp4"))
    sheet = next(data.glob("renders/*/*contact-sheet.png"))
    assert str(movie) in words
    assert str(sheet) in words
    assert movie.stat().st_size > 1000
    assert not processes_of(data)


def test_demo_shows_a_failure(data: Path) -> None:
    """A failing frame prints the end of its log and the command to look further, and the exit status is not 0."""
    demo = start(data, *SMALL, "--break-frame", "2")
    words, _ = demo.communicate(timeout=100)
    assert demo.returncode == 1, words
    assert "frame 0002-check failed" in words
    assert "black" in words
    assert "cueadmin -explain" in words
    assert not processes_of(data)


def test_interrupt_stops_everything(data: Path) -> None:
    """Ctrl-C in the middle ends every process that the demo started."""
    demo = start(data, "--frames", "1-24")
    wait_for(lambda: list(data.glob("renders/*/beauty")), 60, "the rendering to begin")
    time.sleep(1.0)
    demo.send_signal(signal.SIGINT)
    words, _ = demo.communicate(timeout=40)
    assert demo.returncode == 130, words
    wait_for(lambda: not processes_of(data), 5, "every process to end")


def test_demo_without_its_extra_names_it(data: Path) -> None:
    """Without its libraries the demo says which extra to install, before it starts or makes anything."""
    hide = "import sys; sys.modules['mitsuba'] = None; from cuebot.app import demo_extra; import importlib.util as u"
    hide += "; real = u.find_spec; u.find_spec = lambda name: None if name == 'mitsuba' else real(name)"
    hide += "; from cuebot.app.cli import main; sys.exit(main(['demo', '--data', sys.argv[1]]))"
    demo = subprocess.run(
        [sys.executable, "-c", hide, str(data)], capture_output=True, text=True, timeout=30, check=False
    )
    assert demo.returncode == 1
    assert "pip install 'cuefarm[demo]'" in demo.stderr
    assert "mitsuba" in demo.stderr
    assert "Traceback" not in demo.stderr
    assert not data.exists()
