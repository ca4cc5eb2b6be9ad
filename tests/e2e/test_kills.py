"""Three hundred deaths: runners, links, supervisors and whole hosts, at random, while five thousand frames run."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from farm_process import layer, spec, wait_for
from serve_process import ServeProcess

FRAMES = 5_000
KILLS = 300
HOSTS = 4
CORES = 4
KILLED_WHEN_DONE = 0.9
"""So much of the job is done when the last is killed: on a slow machine they come more slowly."""

# Whoever holds the lock is alive, so two at once are seen by the second. What is written is one line each.
COMMAND = """exec 9>>{out}/#IFRAME#.lock; flock -n 9 || echo twice >> {out}/#IFRAME#;
 echo start >> {out}/#IFRAME#; sleep 0.4; echo end >> {out}/#IFRAME#"""


class Host:
    """An agent under something like a service manager: whenever it has died it is started again."""

    def __init__(self, name: str, farm: ServeProcess) -> None:
        self.name, self.folder = name, farm.folder
        self.server = farm.grpc
        self.spool = farm.folder / f"spool-{name}"
        self.process: subprocess.Popen[bytes] | None = None

    def keep_alive(self) -> None:
        """Start it if it is dead."""
        if self.process is not None and self.process.poll() is None:
            return
        words = ["--server", self.server, "--token-file", str(self.folder / "token"), "--spool", str(self.spool)]
        words += ["--name", self.name, "--port", "0", "--cores", str(CORES), "--memory-gb", "32"]
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rqd", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "RQD_RUN_AS_ROOT": "1"},
            )

    def processes(self, module: str) -> list[psutil.Process]:
        """The runner (`rqd`) or the link (`rqd.link`)."""
        return [one for one in psutil.process_iter(["cmdline"]) if self._is(one.info["cmdline"] or [], module)]

    def _is(self, words: list[str], module: str) -> bool:
        return words[1:3] == ["-m", module] and str(self.spool) in words

    def kill(self, module: str) -> None:
        """SIGKILL for one of its two processes."""
        for process in self.processes(module):
            kill(process)


def kill(process: psutil.Process) -> None:
    """SIGKILL for this very process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def supervisors(spool: Path) -> dict[psutil.Process, int]:
    """The supervisors that share a spool's book, and the number of the frame that each of them watches."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        if not is_supervisor(process.info["cmdline"]):
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if is_supervisor(psutil.Process(process.ppid()).cmdline()):
                continue  # its command, only just forked: another program by the time it is killed
            if os.readlink(f"/proc/{process.pid}/fd/3").startswith(f"{spool}/"):
                found[process] = int(process.environ()["CUE_IFRAME"])
    return found


def is_supervisor(words: list[str] | None) -> bool:
    """Whether a command line is a supervisor's, compiled or not."""
    return any(os.path.basename(word) in ("supervise", "stand_in.py") for word in (words or [])[:5])


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[ServeProcess]:
    farm = ServeProcess(tmp_path, f"sqlite:///{tmp_path}/farm.sqlite").start()
    yield farm
    farm.cleanup()


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_three_hundred_kills_cost_no_frame(farm: ServeProcess, tmp_path: Path) -> None:
    """No frame is lost or runs twice at once, and only one whose own supervisor was killed runs again."""
    import opencue

    out = tmp_path / "out"
    out.mkdir()
    hosts = [Host(f"kills{number}", farm) for number in range(HOSTS)]
    chance = random.Random(9)
    killed: Counter[str] = Counter()
    unwatched: set[int] = set()  # frames whose supervisor was killed
    opencue.Cuebot.setHosts([farm.grpc])
    for host in hosts:
        host.keep_alive()
    try:
        command = COMMAND.format(out=out).replace("\n", "")
        text = spec("kills", layer("work", command, f"1-{FRAMES}", cores="1.0"))
        job = opencue.api.launchSpecAndWait(text)[0]
        wait_for(lambda: any(out.iterdir()), 60, "frames to run")
        while (done := opencue.api.getJob(job.id()).succeededFrames()) < FRAMES:
            for host in hosts:
                host.keep_alive()
            if killed.total() < KILLS * min(1.0, (done / FRAMES + 0.01) / KILLED_WHEN_DONE):
                what = chance.choice(("runner", "link", "supervisor", "supervisor", "supervisor", "everything"))
                killed[what] += kill_one(what, chance.choice(hosts), chance, unwatched)
            time.sleep(0.05)
        assert killed.total() >= KILLS, f"the frames were done after {dict(killed)}"
        ran = {number: (out / str(number)).read_text().split() for number in range(1, FRAMES + 1)}
        frames = {frame.number(): frame for frame in job.getFrames(limit=FRAMES)}
        charged = [number for number, frame in frames.items() if frame.retries()]
        runs_of_charged = {number: opencue.api.getRuns(job.id(), "work", number) for number in charged}
    finally:
        for host in hosts:
            if host.process is not None:
                host.process.send_signal(signal.SIGINT)
                host.process.wait(30)
    print(dict(killed), "frames whose supervisor was killed:", len(unwatched))
    again = {number for number, words in ran.items() if words != ["start", "end"]}
    assert not [number for number in again if "twice" in ran[number]]
    assert again <= unwatched
    assert {number for number, words in ran.items() if words[-1] != "end"} == set()
    for number, runs in runs_of_charged.items():
        print(f"frame {number} was charged:", *runs, sep="\n")
    assert charged == []


def kill_one(what: str, host: Host, chance: random.Random, unwatched: set[int]) -> int:
    """Kill something; returns whether there was something to kill."""
    if what == "runner":
        host.kill("rqd")
    elif what == "link":
        host.kill("rqd.link")
    else:
        found = supervisors(host.spool)
        victims = list(found) if what == "everything" else chance.sample(list(found), min(1, len(found)))
        if what == "everything":
            host.kill("rqd")
            host.kill("rqd.link")
        unwatched.update(found[victim] for victim in victims)
        for victim in victims:
            kill(victim)
        return bool(victims)
    return 1
