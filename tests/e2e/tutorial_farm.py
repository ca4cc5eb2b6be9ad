"""What tests of the founding tutorials share: outlines in one line, and shell commands as somebody types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from farm_process import FarmProcess, wait_for

import outline
import outline.modules.shell

SLEEP = ["sleep", "300"]
HELD = ["sleep", "301"]


@contextmanager
def an_empty_farm(farm: FarmProcess, folder: Path) -> Iterator[None]:
    """Connect to a farm, keep the sessions of outlines in a folder, and leave no job behind."""
    api = farm.connect().api
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(folder))
    wait_for(api.getHosts, 30, "the host to report")
    try:
        yield
    finally:
        outline.config.set("outline", "session_dir", before)
        for job in api.getJobs():
            job.kill()
        wait_for(lambda: not api.getProcs(), 30, "the frames to end")


def an_outline(name: str, *, show: str = "testing", **more: Any) -> Any:
    """Return an outline of a shot of the show that every farm has."""
    return outline.Outline(name, shot="sh010", show=show, user="ann", **more)


def a_layer(name: str, command: Any, frames: str = "1-1", *, cores: float = 0.1) -> Any:
    """Return a layer of the shell that is small enough for many of it to run at once."""
    layer = outline.modules.shell.Shell(name, command=command, range=frames)
    layer.set_min_cores(cores)
    layer.set_min_memory(256)
    return layer


def launched(name: str, *layers: Any, **flags: Any) -> Any:
    """Launch an outline of these layers, and return the job."""
    job = an_outline(name)
    for layer in layers:
        job.add_layer(layer)
    return launched_outline(job, **flags)


def launched_outline(job: Any, **flags: Any) -> Any:
    """Launch an outline, and return its job."""
    return outline.cuerun.launch(job, use_pycuerun=False, **flags)[0]


def shell(farm: FarmProcess, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which our commands are known, as from a script: with nobody at a terminal."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", line],
        env={**os.environ, "PATH": path, "CUEBOT_HOSTS": farm.grpc},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def done(result: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed, which must have done what was asked."""
    assert result.returncode == 0, result.stderr or result.stdout
    return result.stdout


def states(job: Any) -> dict[str, int]:
    """Return the state of each frame of a job, by its name."""
    return {frame.name(): int(frame.state()) for frame in job.getFrames()}


def wait_state(job: Any, state: int, frames: Iterable[str] = ()) -> None:
    """Wait until these frames of a job, all of them unless some are named, are in a state."""

    def reached() -> bool:
        found = states(job)
        return all(found[name] == state for name in frames or found)

    wait_for(reached, 60, f"{job.name()} to reach state {state}: {states(job)}")


def rows_without_a_test(ids: Iterable[str], namespace: dict[str, Any], kind: str) -> list[str]:
    """Return which rows of a tutorial no test of a module names, as in `test_s0_05_06_priorities`."""
    named: set[str] = set()
    for test in namespace:
        found = re.match(rf"test_{kind}_((?:\d\d_)+)", test)
        named.update(found.group(1).strip("_").split("_") if found else ())
    return [row for row in ids if row not in named]
