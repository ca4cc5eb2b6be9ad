"""`cueadmin -...-history`, `-stagger-frames`, `-set-owner`, `-time-limit` and others, and `opencue` for the same."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import run
from cuebot.decide import Settings
from cuebot.domain.units import CoreUnits, KiB
from cuebot.sim.specs import job_spec, layer_spec
from opencue.exception import CueException, EntityNotFoundException
from opencue.wrappers import monitoring

PAGE = (Path(__file__).resolve().parents[4] / "docs/howto/look-back.md").read_text(encoding="utf-8")
Output = pytest.CaptureFixture[str]


def main(arguments: list[str]) -> int:
    """Run `cueadmin`; a line that makes no sense has the status 2."""
    try:
        return run.main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """A host, a job that is over, and one that waits for a host with a tag that nobody has."""
    farm = SmallFarm(settings=Settings(mail_host="mail.example"))
    farm.host("node1", cores=CoreUnits(400))
    farm.launch(job_spec("over", layer_spec("render", "1-4")))
    farm.plan()
    farm.wait(180)
    for index in range(4):
        farm.end(farm.run_of("over/render", index), run_s=180, max_rss=2 << 20)
    farm.launch(
        job_spec("comp", layer_spec("sim", "1-6", tags=("nowhere",)), layer_spec("clean", "1-2", tags=("gpu",)))
    )
    with served(farm):
        yield farm


def rows(capsys: Output) -> list[list[str]]:
    """The words of each line that was printed."""
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_jobs_that_are_over_are_listed_with_what_they_took(farm: SmallFarm, capsys: Output) -> None:
    """A table, JSON, and `opencue`; of another show there is none."""
    assert main(["-job-history"]) == 0
    (_, line) = rows(capsys)
    assert line[:1] + line[-7:] == [farm.job("over").name, "00:03:00", "4", "4", "0", "0.20", "0.00", "2.0G"]
    assert main(["-job-history", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["finalState"], record["totalCoreSeconds"], record["maxRss"]) == ("FINISHED", 720, 2 << 20)
    opencue.api.createShow("elsewhere")
    assert main(["-job-history", "elsewhere"]) == 0
    printed = capsys.readouterr()
    assert (len(printed.out.splitlines()), printed.err) == (1, "no job has ended in elsewhere\n")
    (job,) = opencue.api.getJobHistory(job_name_regex=["_over$"])
    assert (job.name, job.succeededFrames, job.failedFrames) == (farm.job("over").name, 4, 0)
    assert repr(job) == f"<HistoricalJob {job.name}>"


def test_layers_frames_and_memory_have_their_history(farm: SmallFarm, capsys: Output) -> None:
    """Of a job by its name, of layers by theirs; a job that is not there is told."""
    name = farm.job("over").name
    assert main(["-layer-history", name]) == 0
    assert rows(capsys)[1] == ["render", "4", "4", "0", "00:03:00", "0.20", "0.00", "2.0G"]
    assert main(["-memory-history", "render"]) == 0
    assert rows(capsys)[1][-5:] == ["4", "1.0G", "2.0G", "2.0G", "2.0G"]
    assert main(["-layer-history", "nothing"]) == 1
    frames = opencue.api.getFrameHistory(job_name=name, layer_names=["render"], page_size=3)
    assert [(frame.frameNumber, frame.lastHost, frame.totalCoreTime) for frame in frames] == [
        (number, "node1", 180) for number in (1, 2, 3)
    ]
    assert [frame.frameNumber for frame in opencue.api.getFrameHistory(job_name=name, page=2, page_size=3)] == [4]
    (layer,) = opencue.api.getLayerHistory(job_id=farm.job("over").id)
    assert (layer.jobName, layer.avgFrameSeconds, layer.totalCoreSeconds) == (name, 180, 720)
    with pytest.raises(EntityNotFoundException):
        opencue.api.getLayerHistory(job_name="nothing")


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("-job-history dmo", 1, "show 'dmo' does not exist"),
        ("-memory-history render dmo", 1, "show 'dmo' does not exist"),
        ("-memory-history nolayer", 0, "no layer called 'nolayer' has run"),
        ("-host-history nohost", 1, "there is and was no host 'nohost'"),
        ("-lh zz", 0, "no host contains zz"),
        ("-lh -host nohost", 0, "no host is called nohost"),
        ("-lp dmo", 1, "show 'dmo' does not exist"),
        ("-lp testing", 0, "nothing runs that was asked for"),
        ("-ll dmo", 1, "show 'dmo' does not exist"),
        ("-lfilters testing", 0, "show testing has no filters"),
    ],
)
def test_a_list_that_is_empty_says_why(farm: SmallFarm, capsys: Output, line: str, status: int, words: str) -> None:
    """On stderr; a name of a show or a host that there is not is a failure."""
    assert main(line.split()) == status
    assert words in capsys.readouterr().err


def test_what_became_of_a_host_is_listed(farm: SmallFarm, capsys: Output) -> None:
    """The newest first; `opencue` has what was before, and a time chooses."""
    opencue.api.findHost("node1").lock()
    assert main(["-host-history", "node1"]) == 0
    assert [line[3] for line in rows(capsys)[1:]] == ["HOST_LOCKED", "HOST_BOOT"]
    locked, added = opencue.api.getHostHistory()
    assert (locked.eventName, locked.previousLockState, locked.lockState) == ("HOST_LOCKED", 0, 1)
    span = monitoring.TimeRange(end_time=added.timestamp)
    assert [event.eventName for event in opencue.api.getHostHistory(time_range=span)] == ["HOST_BOOT"]
    assert main(["-host-history", "--json"]) == 0
    assert [event["lockState"] for event in json.loads(capsys.readouterr().out)] == ["LOCKED", "OPEN"]


def test_the_farm_is_summed_up(farm: SmallFarm, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now is the last line; hours are a number."""
    monkeypatch.setattr("cue_cli.cueadmin.history.now", lambda: farm.now_us // 1_000_000)
    assert main(["-farm-history"]) == 0
    assert rows(capsys)[-1][2:] == ["1", "8", "0", "0", "1", "1", "4", "0", "4"]
    assert main(["-farm-history", "soon"]) == 2
    (now,) = opencue.api.getFarmStatistics()
    assert (now.pendingJobs, now.finishedJobs, now.waitingFrames, now.totalCores) == (1, 1, 8, 4.0)
    assert [(show.show, show.waitingFrames) for show in now.showStats] == [("testing", 8)]


def order(farm: SmallFarm, path: str) -> list[int]:
    """Numbers of a layer's frames in the order in which they run."""
    frames = farm.layer(path).frames
    return [int(frames.number[index]) for index in frames.dispatch_order.argsort(kind="stable")]


def test_frames_are_staggered_and_reordered(farm: SmallFarm, capsys: Output) -> None:
    """Of one layer, or of all; a step or an order that is none is told."""
    name = farm.job("comp").name
    assert main(["-stagger-frames", name, "sim", "1-6", "3"]) == 0
    assert capsys.readouterr().out == f"{name}/sim: 3 frames staggered by 3\n"
    assert order(farm, "comp/sim") == [1, 4, 2, 3, 5, 6]
    assert main(["-reorder-frames", name, "2,6", "last"]) == 0
    assert order(farm, "comp/sim")[-2:] == [2, 6]
    assert order(farm, "comp/clean") == [1, 2]
    assert main(["-stagger-frames", name, "clean", "1-2", "1"]) == 1
    assert main(["-reorder-frames", name, "1-6", "middle"]) == 2
    assert main(["-stagger-frames", name, "1-6", "0"]) == 1


def test_somebody_subscribes_to_the_end_of_a_job(farm: SmallFarm, capsys: Output) -> None:
    """Once; what is no address is told."""
    name = farm.job("comp").name
    assert main(["-subscribe", name, "ada@render.example"]) == 0
    assert farm.job("comp").subscribers == ("ada@render.example",)
    assert opencue.api.findJob(name).addSubscriber("ada@render.example") == 0
    assert main(["-subscribe", name, "ada"]) == 1
    assert "USER@DOMAIN" in capsys.readouterr().err


def test_a_job_is_given_to_somebody_else(farm: SmallFarm, capsys: Output) -> None:
    """Its name stays; root gets none."""
    name = farm.job("comp").name
    assert main(["-set-owner", name, "root"]) == 1
    assert "not root" in capsys.readouterr().err
    assert main(["-set-owner", name, "bob"]) == 0
    assert (farm.job("comp").user, farm.job("comp").name) == ("bob", name)
    job = opencue.api.findJob(name)
    assert job.setOwner("eve", uid=4711) == 1
    assert (job.user(), job.getSettings().uid, farm.job("comp").uid) == ("eve", 4711, 4711)
    assert job.setOwner("nobody_of_this_machine") == 1
    assert farm.job("comp").uid is None
    assert farm.job("over").user == "ann"


def test_jobs_have_a_time_limit_and_layers_retries_of_their_own(farm: SmallFarm) -> None:
    """Both are shown, and can be taken away."""
    name = farm.job("comp").name
    assert main(["-time-limit", name, "90"]) == 0
    assert main(["-layer-retries", name, "sim", "7"]) == 0
    settings = opencue.api.findJob(name).getSettings()
    assert (settings.time_limit_minutes, settings.time_limit_ends_us, settings.max_retries) == (90, 0, 1)
    assert [(one.layer_name, one.HasField("max_retries"), one.max_retries) for one in settings.layers] == [
        ("sim", True, 7),
        ("clean", False, 0),
    ]
    assert main(["-time-limit", name, "0"]) == 0
    assert main(["-layer-retries", name, "sim", "job"]) == 0
    assert opencue.api.findLayer(name, "sim").setMaxRetries(None) == 0
    assert (farm.job("comp").time_limit_minutes, farm.layer("comp/sim").max_retries) == (0, None)
    assert main(["-time-limit", name, "-3"]) == 1


def test_depends_of_any_type_are_made_by_name(farm: SmallFarm, capsys: Output) -> None:
    """Of jobs, layers and frames; what makes no sense is told, what is there already is no success."""
    comp, over = farm.job("comp").name, farm.job("over").name
    assert main(["-depend", f"{comp}/clean", f"{comp}/sim", "-even-failed"]) == 0
    assert capsys.readouterr().out == (
        f"{comp}/clean: waits for {comp}/sim (LAYER_ON_LAYER, dead frames count as done)\n"
    )
    (depend,) = farm.farm.depends.values()
    assert (depend.on_failure, farm.states("comp/clean")) == (True, "DD")
    assert main(["-depend", f"{comp}/clean", f"{comp}/sim"]) == 1
    assert main(["-depend", f"{comp}/clean/1", f"{comp}/sim/0002-sim"]) == 0
    assert "FRAME_ON_FRAME" in capsys.readouterr().out
    assert main(["-depend", comp, over]) == 1
    assert "complete" in capsys.readouterr().err
    assert main(["-depend", f"{comp}//1", over]) == 2
    assert main(["-pause", comp, "-even-failed"]) == 2


def test_a_script_makes_depends_of_any_type(farm: SmallFarm) -> None:
    """By names and by ids; a type that is none is refused."""
    comp = farm.job("comp").name
    sim, clean = (opencue.api.findLayer(comp, name) for name in ("sim", "clean"))
    pairs = opencue.api.addDepend(layer=clean.id(), on_layer=sim.id(), type="FRAME_BY_FRAME")
    assert (pairs.type(), pairs.dependOnLayer(), pairs.isActive()) == (9, "sim", True)
    previous = opencue.api.addDepend(comp, "sim", on_job=comp, on_layer="sim", type="previous_frame")
    assert (previous.type(), farm.states("comp/sim")) == (10, "WDDDDD")
    whole = clean.createDependencyOnLayer(sim, on_failure=True)
    assert (whole.type(), farm.farm.depends[whole.id()].on_failure) == (4, True)
    with pytest.raises(CueException, match="circle"):
        opencue.api.addDepend(comp, "sim", on_job=comp, on_layer="clean", any_frame=True)
    with pytest.raises(CueException, match="no type of depend 'LAYER_ON_MOON'"):
        opencue.api.addDepend(comp, "sim", on_job=comp, on_layer="clean", type="LAYER_ON_MOON")


def test_gpu_seconds_and_what_is_held_of_gpus_are_shown(farm: SmallFarm) -> None:
    """Of a frame, its layer and its job while it runs, and in what was."""
    farm.host("node2", gpus=2, gpu_memory=KiB(16 << 20))
    wants = layer_spec("bake", "1-2", gpus=2, gpu_memory_kib=4 << 20)
    farm.launch(job_spec("cuda", wants))
    farm.plan()
    job = opencue.api.findJob(farm.job("cuda").name)
    (layer,) = job.getLayers()
    assert (job.data.job_stats.reserved_gpus, layer.data.layer_stats.reserved_gpus) == (2, 2)
    assert sorted(frame.data.reserved_gpu_memory for frame in job.getFrames()) == [0, 4 << 20]
    farm.wait(60)
    farm.end(farm.run_of("cuda/bake", 0), run_s=60)
    (layer,) = job.getLayers()
    stats = layer.data.layer_stats
    assert (stats.rendered_gpu_sec, stats.total_gpu_sec, stats.failed_gpu_sec) == (120, 120, 0)
    assert opencue.api.getJob(job.id()).data.job_stats.total_gpu_sec == 120
    (past,) = opencue.api.getLayerHistory(job_name=job.name())
    assert past.totalGpuSeconds == 120
    assert [frame.totalGpuTime for frame in opencue.api.getFrameHistory(job_name=job.name())] == [120]


def test_what_the_page_types_is_so(farm: SmallFarm, capsys: Output) -> None:
    """Every command and the script of the page, on a farm with a job and a host of those names."""
    typed = re.sub(r"\bdemo\b", "testing", PAGE.replace("demo-sh010-ann_comp", farm.job("comp").name))
    commands = re.findall(r"^cueadmin (.+)$", typed, re.MULTILINE)
    assert len(commands) == 6
    assert [main(shlex.split(command)) for command in commands] == [0] * 6
    assert farm.job("comp").subscribers == ("ann@render.example",)
    (script,) = re.findall(r"```python\n(.*?)```", typed, re.DOTALL)
    capsys.readouterr()
    exec(compile(script, "look-back.md", "exec"), {})
    assert f"{farm.job('over').name} 1048576 2097152" in capsys.readouterr().out
