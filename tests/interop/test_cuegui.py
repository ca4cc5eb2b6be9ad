"""OpenCue's CueGUI and CueSubmit on this farm, without a screen. Pictures are kept in build/cuegui."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from farm_process import FarmProcess, layer, wait_for

ROOT = Path(__file__).resolve().parents[2]
CUEGUI = Path(os.environ.get("CUEFARM_CUEGUI", ROOT / ".venv-cuegui")) / "bin" / "python"
PICTURES = ROOT / "build" / "cuegui"
NOT_OURS = (
    "Local config file not found",
    "Copying ",
    "Default show 'pipe' not found",
    "This plugin does not support",
)
"""What CueGUI says of its own first start, of a studio's show, and of a platform without a screen."""

PANELS = {
    "Allocations": "local.general",
    "Limits": "seats",
    "Monitor Hosts": "",
    "Services": "maya",
    "Shows": "testing",
    "Stuck Frame": "",
    "Redirect": "",
    "Subscriptions": "",
    "Subscription Graphs": "",
    "Attributes": "",
    "LogView": "",
    "LokiView": "",
    "Job Graph": "",
    "Monitor Cue": "",
    "Monitor Jobs": "",
    "Monitor Job Details": "",
}
"""Every panel that there is, and what it lists by itself."""

pytestmark = [pytest.mark.proof, pytest.mark.timeout(360)]


@dataclass
class Seen:
    """What the steps found, in their order, and what CueGUI complained of."""

    found: list[Any]
    asked: list[str]
    complaints: list[str]


class CueGui:
    """CueGUI with a home of its own, started anew for each list of steps."""

    def __init__(self, farm: FarmProcess, home: Path) -> None:
        self._farm, self._home = farm, home

    def do(self, *steps: list[str]) -> Seen:
        """Start it, have it do the steps, and say what was seen. What did not work is None or False."""
        answer = self._run("cuegui_peer.py", str(PICTURES), json.dumps(steps))
        complaints = [text for text in answer["complaints"] if not any(known in text for known in NOT_OURS)]
        return Seen(answer["seen"], answer["asked"], complaints)

    def submit(self, fields: dict[str, str]) -> str:
        """Fill CueSubmit in, by its labels, and submit; what it then told."""
        (told,) = self._run("cuesubmit_peer.py", str(PICTURES / "CueSubmit.png"), json.dumps(fields))["told"]
        return str(told)

    def _run(self, peer: str, where: str, words: str) -> dict[str, Any]:
        PICTURES.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        of_this = {"QT_QPA_PLATFORM": "offscreen", "CUEBOT_HOSTS": self._farm.grpc, "HOME": str(self._home)}
        done = subprocess.run(
            [str(CUEGUI), str(Path(__file__).with_name(peer)), where],
            input=words,
            env={**environment, **of_this},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.stdout.strip(), done.stderr[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer


@pytest.fixture
def cuegui(farm: FarmProcess, tmp_path: Path) -> CueGui:
    """CueGUI on the farm of the module."""
    if not CUEGUI.exists():
        words = f"CueGUI is not in {CUEGUI.parents[1]}; `make cuegui` installs it"
        if "CUEFARM_CUEGUI" in os.environ:
            pytest.fail(words)
        pytest.skip(words)
    return CueGui(farm, tmp_path)


def test_every_panel_opens_and_complains_of_nothing(farm: FarmProcess, cuegui: CueGui) -> None:
    """All that its menu has, each with what it lists by itself."""
    farm.connect().api.createLimit("seats", 2)
    steps = []
    for title, listed in PANELS.items():
        steps += [["open", title], ["wait", listed] if listed else ["wait_a_moment"]]
        steps += [["picture", title.replace(" ", "")]]
    seen = cuegui.do(["panels"], *steps)
    assert set(seen.found[0]) == set(PANELS)
    shown = dict(zip(PANELS, seen.found[2::3], strict=True))
    assert [title for title, as_told in shown.items() if not as_told] == []
    assert seen.complaints == []


def test_jobs_are_listed_and_acted_on(farm: FarmProcess, cuegui: CueGui) -> None:
    """Paused, eaten, and killed in the list of a show."""
    opencue = farm.connect()
    names = []
    for word in ("pausable", "eatable", "killable"):
        command = "false" if word == "eatable" else "sleep 600"
        names.append(farm.launch(word, layer("one", command, "1-2"), job="<maxretries>0</maxretries>").name())
    to_pause, to_eat, to_kill = names
    wait_for(lambda: opencue.api.findJob(to_eat).deadFrames() == 2, 60, "its frames to be dead")
    cuegui.do(["choose", "File/Enable Job Interaction"])  # also with jobs of others, from its next start on
    seen = cuegui.do(
        ["open", "Monitor Cue"],
        ["press", "Shows", "testing"],
        ["wait", to_pause],
        ["menu", to_pause, "Pause"],
        ["menu", to_eat, "Eat dead frames"],
        ["menu", to_kill, "Kill"],
        ["picture", "MonitorCue-acts"],
        ["wait_gone", to_kill],
    )
    assert all(seen.found), seen
    assert seen.complaints == []
    assert opencue.api.findJob(to_pause).isPaused()
    wait_for(lambda: _finished(opencue, to_eat) and _finished(opencue, to_kill), 30, "both to be over")
    opencue.api.findJob(to_pause).kill()


def test_a_job_is_opened_to_its_layers_and_frames(farm: FarmProcess, cuegui: CueGui) -> None:
    """Found by a regular expression; its frames are retried and its depends shown from their menus."""
    opencue = farm.connect()
    cuegui.do(["choose", "File/Enable Job Interaction"])
    name = farm.launch(
        "opened",
        layer("shading", "false", "1-2"),
        layer("lighting", "true", "1-2"),
        job="<maxretries>0</maxretries>",
        depends=(
            '<depend type="LAYER_ON_LAYER"><depjob>opened</depjob><deplayer>lighting</deplayer>'
            "<onjob>opened</onjob><onlayer>shading</onlayer></depend>"
        ),
    ).name()
    wait_for(lambda: opencue.api.findJob(name).deadFrames() == 2, 60, "its frames to be dead")
    seen = cuegui.do(
        ["open", "Monitor Jobs", "Monitor Job Details"],
        ["type", ".*opened.*"],
        ["wait", name],
        ["double_click", name],
        ["wait", "DEAD"],
        ["rows"],
        ["picture", "MonitorJobDetails-frames"],
        ["menu", "DEAD", "Eat and Mark done"],
        ["menu", name, "Dependencies/View Dependencies..."],
        ["wait", "LAYER_ON_LAYER"],
    )
    assert all(seen.found), seen
    assert seen.complaints == []
    states = [text for row in seen.found[5] for text in row if text in ("DEAD", "DEPEND")]
    assert sorted(states) == ["DEAD", "DEAD", "DEPEND", "DEPEND"]
    opencue.api.findJob(name).kill()


def test_hosts_are_locked_and_opened(farm: FarmProcess, cuegui: CueGui) -> None:
    """From the menu of a host, which then shows its lock."""
    host = farm.connect().api.getHosts()[0].name()
    seen = cuegui.do(
        ["open", "Monitor Hosts"],
        ["wait", host],
        ["menu", host, "Lock Host"],
        ["press", "Refresh"],
        ["wait", "LOCKED"],
        ["picture", "MonitorHosts-locked"],
        ["menu", host, "Unlock Host"],
        ["press", "Refresh"],
        ["wait", "OPEN"],
    )
    assert all(seen.found), seen
    assert seen.complaints == []


def test_cuesubmit_submits_what_is_filled_in(farm: FarmProcess, cuegui: CueGui) -> None:
    """Its shows come from the farm, and its job runs."""
    fields = {"Job Name:": "bycuesubmit", "Shot:": "sh010", "User Name:": "ann", "Layer Name:": "work"}
    told = cuegui.submit({**fields, "Frame Spec:": "1-3", "Command To Run:": "echo frame #IFRAME#"})
    assert "Job Name: testing-sh010-ann_bycuesubmit" in told
    opencue = farm.connect()
    (job,) = opencue.api.getJobs(job=["testing-sh010-ann_bycuesubmit"], include_finished=True)
    assert farm.wait_job(job).succeededFrames() == 3


def _finished(opencue: Any, name: str) -> bool:
    return not opencue.api.getJobs(job=[name])
