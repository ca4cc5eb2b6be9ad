"""What `cuefarm up` does for the agents that it started, and what it says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from farm_process import FarmProcess, layer, send, wait_for

NewFarm = Callable[..., FarmProcess]
NO_RETRIES = "<maxretries>0</maxretries>"


@pytest.fixture
def marker() -> str:
    """A number of seconds that nobody else sleeps: it finds the frames of one test."""
    return f"{4000 + uuid.uuid4().int % 4000}.{uuid.uuid4().int % 10**6}"


def frames(marker: str) -> list[psutil.Process]:
    """The processes of frames that sleep so long."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if marker in " ".join(process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def kill_whole_agent(farm: FarmProcess) -> psutil.Process:
    """SIGKILL of runner and link at once; the runner that died."""
    (runner,) = farm.agents()
    link = wait_for(farm.link, 10, "a link")
    farm._remember()
    send(runner, signal.SIGSTOP)  # it must not start another link between the two
    send(link, signal.SIGKILL)
    send(runner, signal.SIGKILL)
    return runner


def host_is_up(farm: FarmProcess) -> bool:
    return any(host.isUp() for host in farm.connect().api.getHosts())


def states(farm: FarmProcess, job: object) -> list[tuple[int, int]]:
    """State and charged retries of each frame."""
    return [(int(f.state()), f.retries()) for f in farm.connect().api.getJob(job.id()).getFrames()]


def test_agent_killed_whole_is_started_again(new_farm: NewFarm, marker: str) -> None:
    """After SIGKILL of runner and link the agent is started again, and the frame goes on under the next one."""
    farm = new_farm()
    job = farm.launch("orphan", layer("work", f"sleep {marker}", "1"), job=NO_RETRIES)
    first = wait_for(lambda: frames(marker), 30, "the frame to run")
    dead = kill_whole_agent(farm)
    wait_for(lambda: [a for a in farm.agents() if a.pid != dead.pid], 20, "another agent")
    farm._remember()
    wait_for(lambda: states(farm, job) == [(2, 0)], 20, "the frame to be told as running")
    assert all(process.is_running() for process in first)
    assert "an agent ended; it is started again" in farm.words()
    assert farm.stop() == 0
    assert not frames(marker)


def test_rqd_stop_says_that_up_starts_the_agent_again(new_farm: NewFarm) -> None:
    """What it stopped is back in a moment, so it says so, and how work is kept off."""
    farm = new_farm()
    (before,) = farm.agents()
    (spool,) = (farm.data / "run").glob("agent-*/")
    command = [sys.executable, "-m", "rqd", "stop", "--spool", str(spool)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert f"cuefarm up --data {farm.data} starts it again" in result.stdout
    assert "`cueadmin -lock " in result.stdout
    wait_for(lambda: [a for a in farm.agents() if a.pid != before.pid], 20, "another agent")


def test_adopted_agent_is_watched(new_farm: NewFarm) -> None:
    """An agent that an earlier `up` started, and that is no child of this one, is started again as well."""
    farm = new_farm()
    before = farm.agents()[0].pid
    farm.kill_server()
    farm.start()
    assert farm.agents()[0].pid == before
    time.sleep(1.5)  # past the first look
    kill_whole_agent(farm)
    wait_for(lambda: [a for a in farm.agents() if a.pid != before], 20, "another agent")


@pytest.mark.parametrize("victims", [pytest.param("link", marks=pytest.mark.proof), "runner", "both"])
def test_killed_while_the_farm_stops(new_farm: NewFarm, marker: str, victims: str) -> None:
    """Whatever of the agent dies while `up` ends, no frame process is left, no agent, and nothing is charged."""
    farm = new_farm()
    job = farm.launch("stubborn", layer("work", f"trap '' TERM; while :; do sleep {marker}; done", "1"), job=NO_RETRIES)
    wait_for(lambda: frames(marker), 30, "the frame to run")
    (runner,), link = farm.agents(), wait_for(farm.link, 10, "a link")
    farm._remember()
    assert farm.server is not None
    farm.server.terminate()
    time.sleep(1.0)  # the frame takes no notice of SIGTERM, so its agent waits
    if victims == "both":
        send(runner, signal.SIGSTOP)
    if victims in ("link", "both"):
        send(link, signal.SIGKILL)
    if victims in ("runner", "both"):
        send(runner, signal.SIGKILL)
    assert farm.server.wait(40) == 0
    assert not frames(marker)
    assert not farm.agents()
    farm.extra = ("--no-agent",)
    farm.start()
    assert states(farm, job) == [(0, 0)]


def test_agent_died_just_before_the_end(new_farm: NewFarm, marker: str) -> None:
    """An agent that was killed a moment before `up` ends leaves no frame process either."""
    farm = new_farm()
    farm.launch("orphan", layer("work", f"sleep {marker}", "1"), job=NO_RETRIES)
    wait_for(lambda: frames(marker), 30, "the frame to run")
    kill_whole_agent(farm)
    assert farm.stop() == 0
    assert not frames(marker)


def test_agent_that_dies_at_once_is_started_with_growing_pauses(new_farm: NewFarm) -> None:
    """An agent that cannot start is tried with growing pauses, and the terminal says which and why, not `is up`."""
    farm = new_farm("--no-agent")
    assert farm.stop() == 0
    in_the_way = farm.data / "run" / f"agent-{socket.gethostname().split('.')[0]}"
    in_the_way.write_text("no folder")
    farm.extra = ()
    threading.Thread(target=farm.start, daemon=True).start()  # it waits for an agent, which does not come
    wait_for(lambda: "did not come up" in farm.words(), 40, "the word that an agent did not come up")
    words = farm.words()
    assert "1 of 1 agents did not come up" in words
    assert str(in_the_way) in words.split("the end of its log")[1]
    assert words.count("cuefarm is up") == 1, "only the first start, which wanted no agent"
    wait_for(lambda: '"pause_s": 4' in farm.words(), 30, "the pauses to grow")
    in_the_way.unlink()
    wait_for(lambda: host_is_up(farm), 40, "the agent to come up once that is mended")


def test_more_agents_than_cores_are_refused(tmp_path: Path) -> None:
    """More agents than cores are refused before anything starts, with the number that would do."""
    data = tmp_path / "farm"
    command = [sys.executable, "-m", "cuebot.app.cli", "up", "--data", str(data), "--agents", "5000"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 78
    assert "5000 agents cannot share the" in result.stderr
    assert "use --agents" in result.stderr
    assert not data.exists()


def test_agents_share_the_machine(new_farm: NewFarm) -> None:
    """Two agents are two hosts that together offer the machine's cores, and with fewer wanted the others end."""
    from rqd.platform import this_system

    machine = this_system().host_size().cores
    if machine < 2:
        pytest.skip("a machine of one core takes one agent")
    farm = new_farm("--agents", "2")
    wait_for(lambda: sum(h.isUp() for h in farm.connect().api.getHosts()) == 2, 40, "two hosts")
    assert sum(host.cores() for host in farm.connect().api.getHosts()) == machine
    wait_for(lambda: "cuefarm is up" in farm.words(), 20, "the greeting")
    assert f"export CUEBOT_HOSTS={farm.grpc}" in farm.words()
    old = farm.agents()
    farm.kill_server()
    farm.extra = ("--agents", "1")
    farm.start()
    wait_for(lambda: not any(a.is_running() for a in old), 30, "the agents of two shares to end")
    wait_for(lambda: len(farm.agents()) == 1, 30, "one agent with the whole machine")


@pytest.mark.parametrize(
    ("wanted", "dead"),
    [pytest.param(("--agents", "1"), 1, marks=pytest.mark.proof), (("--agents", "1"), 2), (("--no-agent",), 2)],
    ids=str,
)
def test_unwanted_agent_that_died_is_recovered(
    new_farm: NewFarm, marker: str, wanted: tuple[str, ...], dead: int
) -> None:
    """Whatever agents `up` is to run, it ends and delivers what dead ones of an earlier start left, and no more."""
    from rqd.platform import this_system

    if this_system().host_size().cores < 2:
        pytest.skip("a machine of one core takes one agent")
    farm = new_farm("--agents", "2")
    wait_for(lambda: sum(h.isUp() for h in farm.connect().api.getHosts()) == 2, 40, "two hosts")
    job = farm.launch("orphans", layer("work", f"sleep {marker}", "1-2", cores="1.0"), job=NO_RETRIES)
    wait_for(lambda: states(farm, job) == [(2, 0)] * 2, 30, "both frames to run")
    orphans = wait_for(lambda: (found := frames(marker))[3:] and found, 30, "both frames and their supervisors")
    farm.kill_server()
    for runner in farm.agents()[:dead]:
        links = runner.children()
        send(runner, signal.SIGSTOP)  # it must not start another link between the two
        for link in links:
            if "rqd.link" in link.cmdline():
                send(link, signal.SIGKILL)
        send(runner, signal.SIGKILL)
    assert all(process.is_running() for process in orphans)
    farm.extra = wanted
    farm.start()
    wait_for(lambda: not any(p.is_running() for p in orphans), 30, "the lost runs to be ended")
    agents = 0 if wanted == ("--no-agent",) else 1
    again = [(2, 0)] * 2 if agents else [(0, 0)] * 2
    wait_for(lambda: states(farm, job) == again, 40, "the frames to wait, or to run on the agent that is wanted")
    wait_for(lambda: len(farm.agents()) == agents, 30, "the agents that nobody wants to end")
    wait_for(lambda: sum(host.isUp() for host in farm.connect().api.getHosts()) == agents, 40, "the wanted hosts only")
    farm._remember()
    assert farm.stop() == 0
    assert not frames(marker)


def test_clients_find_the_only_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was told nothing finds the one farm of its user; with two it lists them."""
    from opencue import running_farms

    if running_farms.something_listens(running_farms.DEFAULT_ADDRESS):
        pytest.skip("something listens at the default address of this machine")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CUEBOT_", "OPENCUE_"))}

    def cueadmin() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "cue_cli.cueadmin", "-ls"]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)

    farms = [FarmProcess(tmp_path / "one", "--no-agent"), FarmProcess(tmp_path / "two", "--no-agent")]
    try:
        farms[0].start()
        alone = cueadmin()
        assert "testing" in alone.stdout, alone.stderr
        farms[1].start()
        both = cueadmin()
        assert both.returncode != 0
        for farm in farms:
            assert f"CUEBOT_HOSTS={farm.grpc}" in both.stderr
        farms[0].kill_server()
        assert "testing" in cueadmin().stdout
    finally:
        for farm in farms:
            farm.cleanup()


def test_doctor_names_an_agent_that_does_not_run(new_farm: NewFarm) -> None:
    """The doctor of a folder names the agent of `up` that does not run, what it said, and that `up` starts it again."""
    farm = new_farm()
    in_the_way = farm.data / "run" / f"agent-{socket.gethostname().split('.')[0]}"
    in_the_way.rename(in_the_way.with_name("spool-that-was"))
    in_the_way.write_text("no folder")
    kill_spool = in_the_way.with_name("spool-that-was") / "lock"
    runner = psutil.Process(int(kill_spool.read_text()))
    for process in [*runner.children(recursive=True), runner]:
        process.kill()

    def told() -> bool:
        words = farm.run("cuefarm", "doctor", "--data", str(farm.data)).stdout
        return "does not run; it said last" in words and "starts the agent again by itself" in words

    def is_named() -> bool:  # not at once: before it says why it cannot start, the last words are those of the other
        findings = json.loads(farm.run("cuefarm", "doctor", "--data", str(farm.data), "--json").stdout)
        (agent,) = [finding for finding in findings if finding["what"] == "agent"]
        return not agent["ok"] and str(in_the_way) in agent["found"]

    wait_for(told, 30, "the doctor to name the agent")
    wait_for(is_named, 30, "the doctor to say what is in its way")


def test_doctor_says_which_address_clients_use(new_farm: NewFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CUEBOT_HOSTS names another farm than the folder's, the doctor says so, and what to export."""
    farm = new_farm("--no-agent")
    monkeypatch.setattr(FarmProcess, "grpc", "127.0.0.1:2")  # what `run` puts into the environment
    words = farm.run("cuefarm", "doctor", "--data", str(farm.data)).stdout
    address = farm._announced()["grpc"]
    assert f"that is not the farm at {address}" in words
    assert f"export CUEBOT_HOSTS={address}" in words
