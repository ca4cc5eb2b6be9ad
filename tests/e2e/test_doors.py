"""What one door of the farm takes, the others carry: real commands, a real agent, real processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, spec


def test_negative_frames_are_launched_and_eaten(
    farm: FarmProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pycuerun X -5-5` launches eleven frames, and `cueadmin -eat-frames … -5--3` eats three of them."""
    monkeypatch.setenv("USER", "ann")
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    script = tmp_path / "below.outline"
    script.write_text('from outline.modules.shell import Shell\nShell("render", command=["echo", "#IFRAME#"])\n')
    launched = farm.run("pycuerun", "-p", "--shot", "sh010", str(script), "-5-5")
    assert launched.returncode == 0, launched.stderr
    job = farm.connect().api.findJob("testing-sh010-ann_below")
    assert job.totalFrames() == 11

    eaten = farm.run("cueadmin", "-force", "-eat-frames", job.name(), "render", "-5--3")
    assert eaten.returncode == 0, eaten.stderr
    found = {frame.number() for frame in job.getFrames(state=[farm.connect().api.job_pb2.EATEN])}
    assert found == {-5, -4, -3}
    job.kill(reason="the test is over")


def test_variables_arrive_to_the_letter(farm: FarmProcess) -> None:
    """A frame's process has the blanks and line ends that the specification has."""
    wanted = {"LEAD": "  two  ", "TRAIL": "x\n", "ONE": " ", "RETURN": "a\r\nb", "LETTERS": "ü日本"}
    keys = "".join(f'<key name="{name}">{value}</key>' for name, value in wanted.items()).replace("\r", "&#13;")
    shows = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    job = farm.launch("letters", layer("work", shows, "1", more=f"<env>{keys}</env>"))
    farm.wait_job(job)
    log = next(Path(job.logDir()).glob("*.rqlog")).read_text()
    found = json.loads(next(line for line in log.splitlines() if line.startswith("{")))
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("text", ["nosuch1,general nosuch2", "general | nosuch", "nosuch general"])
def test_tags_are_separated_alike(farm: FarmProcess, text: str) -> None:
    """A specification's tags and those of a setter are split in the same way, and the job runs."""
    job = farm.launch("tagged", layer("work", "true", "1", more=f"<tags>{text}</tags>"))
    (found,) = job.getLayers()
    assert "general" in found.data.tags
    found.setTags([text])
    assert farm.connect().api.getLayer(found.id()).data.tags == found.data.tags
    assert farm.wait_job(job).succeededFrames() == 1


def test_names_without_room_for_a_log_are_refused(farm: FarmProcess) -> None:
    """A job whose frames could have no logs is refused with the largest length, and one of that length renders."""
    opencue = farm.connect()
    for job, name in (("j" * 150, "l" * 90), ("j" * 200, "l" * 20), ("j" * 230, "l" * 200)):
        with pytest.raises(opencue.CueException, match=r"Accepted: at most \d+"):
            opencue.api.launchSpecAndWait(spec(job, layer(name, "true", "1")))
    job = farm.launch("j" * 150, layer("l" * 60, "true", "1"))
    assert farm.wait_job(job).succeededFrames() == 1
    assert list(Path(job.logDir()).glob("*.rqlog"))
