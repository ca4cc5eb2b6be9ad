"""A farm whose agent gives each frame its job's user: a real server, a real agent, another uid."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from farm_process import layer, spec, wait_for
from test_several_machines import Machines

import opencue

STRANGER = 23_457

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def machines() -> Iterator[Machines]:
    """A server and an agent of root's, in a folder into which every user may look."""
    folder = Path(tempfile.mkdtemp(prefix="cuefarm-user-"))
    folder.chmod(0o755)
    machines = Machines(folder)
    machines.environment["CUEBOT_HOSTS"] = machines.grpc
    try:
        assert machines.run("cuefarm token").returncode == 0
        serve = "cuefarm serve --db sqlite:///farm.sqlite --token-file token --log-root /shots/logs"
        machines.start("serve", f"{serve} --grpc {machines.grpc}", "--http", "127.0.0.1:0")
        wait_for(lambda: "cuefarm serves" in machines.words("serve"), 40, "the server to start")
        rqd = f"rqd --server {machines.grpc} --token-file token --name node --spool spool --port 0 --become-job-user"
        machines.start("rqd", rqd)
        wait_for(lambda: "node" in machines.run("cueadmin -lh").stdout, 40, "the host to report")
        opencue.Cuebot.setHosts([machines.grpc])
        yield machines
    finally:
        opencue.Cuebot.closeChannel()
        machines.stop()
        shutil.rmtree(folder)


def launch(name: str, uid: int | None, *layers: str) -> Any:
    """Launch a job of a user, whose name always is the same."""
    number = "" if uid is None else f"<uid>{uid}</uid>"
    text = spec(name, *layers).replace("</user>", f"</user>{number}")
    return opencue.api.launchSpecAndWait(text)[0]


def log_of(job: Any) -> str:
    """The log of a job's only frame."""
    return next(Path(job.logDir()).glob("*.rqlog")).read_text()


def test_a_frame_of_a_user_reaches_nothing_of_the_farm(machines: Machines) -> None:
    """Not the token, the database, the spool or another user's log of mode 0600; and without the token no call."""
    other = launch("other", STRANGER + 1, layer("work", "echo mine", "1"))
    wait_for(lambda: opencue.api.getJob(other.id()).succeededFrames() == 1, 60, "the other user's frame")
    (others,) = Path(other.logDir()).glob("*.rqlog")
    others.chmod(0o600)
    folder = machines.folder
    wanted = [folder / "token", *folder.glob("farm.sqlite*"), folder / "spool" / "instance", others]
    assert len(wanted) >= 4
    command = "; ".join(f"cat '{path}' >/dev/null 2>&1 && echo read {path.name}" for path in wanted)
    job = launch("curious", STRANGER, layer("work", f"{command}; ls {folder}/spool; id -u; echo over", "1"))
    wait_for(lambda: opencue.api.getJob(job.id()).succeededFrames() == 1, 60, "the frame to end")
    output = log_of(job).split("=" * 59 + "\n")[2].splitlines()
    assert [line for line in output if line.startswith("read ")] == []
    assert f"ls: cannot open directory '{folder}/spool': Permission denied" in output
    assert output[output.index("over") - 1] == str(STRANGER)


def test_a_job_without_a_uid_is_dead_with_the_reason(machines: Machines) -> None:
    """The agent never runs it as root; that is its own fault, so no host is left alone for it."""
    job = launch("nobodys", None, layer("work", f"touch {machines.folder}/ran", "1"))

    wait_for(lambda: opencue.api.getJob(job.id()).deadFrames() == 1, 40, "the frame to be given up")
    told = machines.run(f"cueadmin -explain {job.name()} work 1").stdout
    assert "it could not be started" in told, told
    assert "has no uid" in machines.run(f"cueadmin -runs {job.name()}").stdout
    other = launch("somebodys", STRANGER, layer("work", "true", "1"))
    wait_for(lambda: opencue.api.getJob(other.id()).succeededFrames() == 1, 20, "another job, which waits for nothing")
    assert not (machines.folder / "ran").exists()
