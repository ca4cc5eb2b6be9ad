"""What a farm is given by mistake or malice: a clear word for each, and the farm goes on."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, spec, wait_for


def refused(farm: FarmProcess, text: str) -> str:
    """Launch a specification that must be refused; the words."""
    opencue = farm.connect()
    with pytest.raises(opencue.CueException) as caught:
        opencue.api.launchSpecAndWait(text)
    return str(caught.value)


def goes_on(farm: FarmProcess) -> None:
    """The farm still runs a job."""
    job = farm.launch("goeson", layer("work", "true", "1"))
    assert farm.wait_job(job).succeededFrames() == 1


def depend(kind: str, er: str, on: str) -> str:
    return (
        f'<depend type="{kind}" anyframe="False"><depjob>bad</depjob><deplayer>{er}</deplayer>'
        f"<onjob>bad</onjob><onlayer>{on}</onlayer></depend>"
    )


TWO = (layer("aaa", "true", "1-3"), layer("bbb", "true", "1-3"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<spec><job", ["not well-formed", "line"]),
        (spec("bad", layer("work", "true", "1-x")), ["1-x", "range"]),
        (spec("bad", layer("work", "true", "1-3x0")), ["1-3x0"]),
        (spec("bad", *TWO, depends=depend("LAYER_ON_LAYER", "aaa", "zzz")), ["zzz", "aaa"]),
        (
            spec("bad", *TWO, depends=depend("LAYER_ON_LAYER", "aaa", "bbb") + depend("LAYER_ON_LAYER", "bbb", "aaa")),
            ["circle", "waits for"],
        ),
        (spec("bad", layer("work", "true", "1-200000")), ["limit"]),
    ],
    ids=["malformed", "no range", "step 0", "unknown layer", "cycle", "too many frames"],
)
def test_refused_spec(farm: FarmProcess, text: str, words: list[str]) -> None:
    """A specification that cannot run is refused with a word on what and where, and the farm goes on."""
    message = refused(farm, text)
    for word in words:
        assert word in message, message
    goes_on(farm)


def test_unknown_service_falls_back(farm: FarmProcess) -> None:
    """A service without a record falls back to `default` (decisions: unknown-services) and the job runs."""
    job = farm.launch("svc", layer("work", "true", "1", more="<services><service>nosuch</service></services>"))
    assert farm.wait_job(job).succeededFrames() == 1


def test_missing_command(farm: FarmProcess) -> None:
    """A command that does not exist kills its frame, and the log says so."""
    job = farm.launch("missing", layer("work", "no-such-command --now", "1"), job="<maxretries>0</maxretries>")
    wait_for(lambda: farm.connect().api.getJob(job.id()).deadFrames() == 1, 30, "the frame to die")
    log = next(Path(farm.connect().api.getJob(job.id()).logDir()).glob("*.rqlog")).read_text()
    assert "no-such-command" in log
    assert "not found" in log
    goes_on(farm)


def test_log_folder_that_cannot_be_made(farm: FarmProcess) -> None:
    """Where a log cannot be written no frame is charged or dead for it; it runs by itself when that is mended."""
    blocked = farm.data / "logs" / "testing" / "sh010"
    shutil.rmtree(blocked, ignore_errors=True)
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    try:
        job = farm.launch("nolog", layer("work", "true", "1"), job="<maxretries>0</maxretries>")
        runs = ("cueadmin", "-runs", job.name(), "work", "1")
        wait_for(lambda: "cannot be written" in farm.run(*runs).stdout, 30, "the first try")
        assert farm.connect().api.getJob(job.id()).deadFrames() == 0
    finally:
        blocked.unlink()
    assert farm.wait_job(job, 90).succeededFrames() == 1
    goes_on(farm)


def test_garbage_on_the_port(farm: FarmProcess) -> None:
    """A client that speaks garbage to the port is dropped, and the farm goes on."""
    host, port = farm.grpc.rsplit(":", 1)
    for words in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, bytes(range(256)) * 64):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(words)
            connection.settimeout(2)
            try:
                while connection.recv(4096):
                    pass
            except OSError:
                pass
    goes_on(farm)
