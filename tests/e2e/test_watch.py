"""`cueadmin -watch` beside a farm: a person sees what happens, also over a restart of the server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from farm_process import FarmProcess, layer, wait_for


@contextmanager
def watching(farm: FarmProcess, output: Path, *query: str) -> Iterator[Callable[[], list[str]]]:
    """Let `cueadmin -watch` write into a file; gives what it has written, without times."""
    with output.open("w") as file:
        cueadmin = Path(sys.executable).with_name("cueadmin")
        command = [str(cueadmin), "-server", farm.grpc, "-watch", *query]
        watcher = subprocess.Popen(command, stdout=file)
        try:
            yield lambda: [line[9:] for line in output.read_text().splitlines()]
        finally:
            watcher.terminate()
            watcher.wait(10)


def test_what_happens_is_seen_as_it_happens(new_farm: Callable[..., FarmProcess], tmp_path: Path) -> None:
    """A job from its launch to its end, a failure with its reason; and what comes after a restart of the server."""
    farm = new_farm()
    query = "type:frame.failed,show.added"
    with watching(farm, tmp_path / "all") as told, watching(farm, tmp_path / "some", query) as chosen:
        _wait_until_both_watch(farm, told, chosen)
        failing = layer("work", "sh -c 'echo Error: no texture; exit 3'", "7")
        name = farm.launch("wood", failing, job="<maxretries>0</maxretries>").name()
        wait_for(lambda: any("frame.failed" in line for line in told()), 30, "the failure to be told")
        lines = [line for line in told() if name in line]
        assert [line.split()[0] for line in lines] == ["job.launched", "frame.started", "frame.failed"]
        assert "exit status 3" in lines[2]
        assert lines[2].endswith("(DEAD)")
        wait_for(lambda: lines[2] in chosen(), 30, "the query to choose it")

        farm.extra = ("--grpc", farm.grpc)
        farm.kill_server()
        farm.start()
        assert farm.run("cueadmin", "-eat-frames", name, "work", "7", "-force").returncode == 0
        wait_for(lambda: any("job.finished" in line for line in told()), 60, "the end to be told after the restart")
        types = [line.split()[0] for line in told() if name in line]
        assert types == ["job.launched", "frame.started", "frame.failed", "frame.eaten", "job.finished"]
        assert {line.split()[0] for line in chosen()} == {"show.added", "frame.failed"}


def _wait_until_both_watch(farm: FarmProcess, *each_told: Callable[[], list[str]]) -> None:
    """A watcher hears of what happens from its start on: shows are made until both have heard of one."""
    numbers = count()

    def is_heard() -> bool:
        farm.run("cueadmin", "-create-show", f"probe{next(numbers)}", "-force")
        return all(told() for told in each_told)

    wait_for(is_heard, 60, "both to watch")
