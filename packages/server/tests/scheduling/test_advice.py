"""Every reason that `explain` gives: whoever follows its printed commands literally sees the work go on.

Each code has a row here. A code of which there is none fails `test_every_code_has_a_row`.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from advice import Build, Row, Step, alternatives, finish_what_runs, follow, goes_on, printed, reasons_of
from scheduling_farm import launch
from served import served
from small_farm import GIB, SmallFarm

import cuebot.scheduling
from cue_cli.cueadmin import main
from cuebot.domain import commands as c
from cuebot.domain.states import Cause, DependType, Exit, FrameState, HostState, JobState, LockState
from cuebot.domain.units import HOUR, NO_END, KiB
from cuebot.engine.ports import Answer
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import job_spec, layer_spec
from cuebot.wire.advice import for_people


def one(*steps: Step, planned: bool = False, **fields: object) -> Build:
    """A farm with one host of four cores and a job `one` with ten frames, after some steps."""

    def build() -> SmallFarm:
        farm = SmallFarm()
        farm.host(tags=("64bit", "rqdv-1.2", "6.8.0-41-generic"))
        launch(farm, "testing", "one", layer_spec(**fields))
        for step in steps:
            step(farm)
        if planned:
            farm.plan()
        return farm

    return build


def change(kind: str, **changes: object) -> Step:
    """A step that changes the job, its layer, show, group, or the only subscription."""

    def step(farm: SmallFarm) -> None:
        job = farm.job("one")
        ids = {"job": job.id, "layer": job.layer_ids[0], "show": job.show_id, "group": job.group_id}
        ids["subscription"] = next(iter(farm.farm.subscriptions), "")
        values = {name: value(farm) if callable(value) else value for name, value in changes.items()}
        farm.do(c.Change(kind, ids[kind], values))

    return step


def host_do(make: Callable[[str], c.Command]) -> Step:
    """A step that does something to the host."""
    return lambda farm: farm.do(make(farm.farm.host_named("host0").id))


def all_failed(exit_status: int = 1, run_s: float = 1, **fields: object) -> Build:
    """A job of one frame that may not be retried, and failed."""

    def build() -> SmallFarm:
        farm = SmallFarm()
        farm.host()
        farm.launch(job_spec("one", layer_spec(range_text="1", **fields), max_retries=0))
        if exit_status == Exit.FAILED_LAUNCH:
            (run,) = farm.plan()
            farm.end(run, exit_status)
            return farm
        (run,) = farm.plan()
        farm.report(runs=[run])
        farm.wait(run_s)
        farm.end(run, exit_status, run_s=run_s)
        if farm.states("one/render") == "W":  # some failures are retried although no retries are allowed
            farm.layer("one/render").frames.state[0] = FrameState.WAITING
        return farm

    return build


def took_hosts() -> SmallFarm:
    """A frame whose runs ended with their host until it was dead."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=0))
    while farm.plan():
        farm.end(farm.run_of("one/render"), int(Exit.ORPHAN), cause=Cause.RUNNER_LOST)
    return farm


def limited(*, per_host: bool, hosts: int, most: int) -> Build:
    """Frames that want a licence of which there are too few."""

    def build() -> SmallFarm:
        farm = SmallFarm()
        for number in range(hosts):
            farm.host(f"host{number}")
        farm.do(c.CreateLimit("nuke_studio", most, per_host=per_host))
        launch(farm, "testing", "one", layer_spec(limits=("nuke_studio",)))
        farm.plan()
        return farm

    return build


def behind(farm: SmallFarm) -> None:
    """Another job of higher priority waits for the one host."""
    launch(farm, "testing", "other", layer_spec(range_text="1-40"), priority=50)


def refuse(farm: SmallFarm) -> None:
    """The host refuses a launch."""
    run = farm.plan()[0]
    farm.core.answered(run.id, Answer.REFUSED, "no", farm.now_us)
    farm.commit()


def fall_silent(farm: SmallFarm) -> None:
    """Ten minutes without a report."""
    farm.wait(600)
    farm.do(c.Sweep())


def killed(farm: SmallFarm) -> None:
    """Somebody kills the job."""
    farm.do(c.KillJob(farm.job("one").id))


def gone_with_its_runs() -> SmallFarm:
    """A host whose agent goes on without the server is not heard any more; another one is idle."""
    farm = SmallFarm()
    farm.host(lease_us=NO_END)
    farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    farm.plan()
    fall_silent(farm)
    farm.host("host1")
    return farm


def submit(**fields: object) -> Step:
    """It is submitted again, as the advice says."""

    def step(farm: SmallFarm) -> None:
        facility = fields.pop("facility", None)
        spec = job_spec("one", layer_spec(), **fields)
        farm.do(c.KillJob(farm.job("one").id))
        farm.launch(spec, **({"facility": facility} if facility else {}))

    return step


def report(**facts: object) -> Step:
    """The host reports, all well."""
    return lambda farm: farm.report(**facts)


def no_host() -> SmallFarm:
    """A job on a farm without hosts."""
    farm = SmallFarm()
    farm.launch(job_spec("one"))
    return farm


def failed_once(farm: SmallFarm) -> None:
    """A frame fails, and may be tried again."""
    farm.plan()
    farm.finish("one/render", 0, exit_status=1)


def eaten(farm: SmallFarm) -> None:
    """The first frame is given up."""
    farm.do(c.EatFrames(farm.frames("one/render", 0)))


NOT_HOSTS = ("64bit", "rqdv-", "6.8.0", "host0")
ASKS_TOO_MUCH = {"cores": 4_000, "memory_kib": 99 * GIB}
BY_COMMAND: dict[str, Row] = {
    "JOB_FINISHED": Row(one(killed)),
    "JOB_PAUSED": Row(one(change("job", paused=True))),
    "SHOW_INACTIVE": Row(one(change("show", active=False))),
    "SHOW_BOOKING_OFF": Row(one(change("show", booking_enabled=False))),
    "SHOW_DISPATCH_OFF": Row(one(change("show", dispatch_enabled=False))),
    "START_AFTER": Row(one(change("layer", start_after_us=lambda farm: farm.now_us + HOUR))),
    "JOB_MAX_CORES": Row(one(change("job", max_cores=0))),
    "GROUP_MAX_CORES": Row(one(change("group", max_cores=0))),
    "JOB_MAX_GPUS": Row(one(report(boot=True, gpus=2), change("job", max_gpus=0), gpus=1)),
    "GROUP_MAX_GPUS": Row(one(report(boot=True, gpus=2), change("group", max_gpus=0), gpus=1)),
    "LIMIT": Row(limited(per_host=False, hosts=1, most=2)),
    "LIMIT_HOSTS": Row(limited(per_host=True, hosts=2, most=1)),
    "TAGS": Row(one(tags=("nosuch",)), unlike=NOT_HOSTS),
    "NO_SUBSCRIPTION": Row(one(lambda farm: farm.do(c.Delete("subscription", next(iter(farm.farm.subscriptions)))))),
    "BURST": Row(one(change("subscription", burst=0))),
    "HOST_LOCKED": Row(one(host_do(lambda id: c.LockHost(id, LockState.LOCKED)))),
    "HOST_REPAIR": Row(one(host_do(lambda id: c.SetHostState(id, HostState.REPAIR)))),
    "HOST_REBOOT_WHEN_IDLE": Row(one(host_do(lambda id: c.SetHostState(id, HostState.REBOOT_WHEN_IDLE)))),
    "TOO_SMALL": Row(one(memory_kib=99 * GIB)),
    "AHEAD": Row(one(behind), step=None),
    "FRAMES_DEAD": Row(all_failed(1)),
    "FRAMES_NOT_STARTED": Row(all_failed(int(Exit.FAILED_LAUNCH)), unlike=("-log", "shows")),
    "FRAMES_TOOK_HOSTS": Row(took_hosts),
    "FRAMES_OUT_OF_TIME": Row(all_failed(1, run_s=130, timeout_minutes=2)),
    "FRAMES_SILENT": Row(all_failed(15, run_s=130, timeout_llu_minutes=2)),
    "DEAD": Row(all_failed(1), frame=0),
    "EATEN": Row(one(eaten), frame=0),
    "HOST_GOES_ON": Row(gone_with_its_runs),
}
BY_TIME: dict[str, Row] = {
    "BUSY": Row(one(planned=True), step=finish_what_runs),
    "HOST_REFUSES": Row(one(refuse), step=lambda farm: farm.wait(600)),
    "BEHIND": Row(one(planned=True), frame=9, step=finish_what_runs),
}
"""What passes by itself."""
BY_ELSE: dict[str, Row] = {
    "FACILITY": Row(
        one(
            lambda farm: farm.do(c.CreateFacility("cloud")),
            killed,
            lambda farm: farm.launch(job_spec("one"), facility="cloud"),
        ),
        step=submit(facility="local"),
        says="submit it to another",
    ),
    "OS": Row(
        one(killed, lambda farm: farm.launch(job_spec("one", os="windows"))),
        step=submit(os="linux"),
        says="submit it for another",
    ),
    "NO_HOSTS": Row(no_host, step=lambda farm: farm.host(), says="start an agent"),
    "HOST_STOPPED": Row(one(report(state=HostState.DOWN)), step=report(boot=True), says="started again"),
    "HOST_DOWN": Row(one(fall_silent), step=report(boot=True), says="agent reports"),
    "HOST_REBOOTING": Row(
        one(host_do(lambda id: c.SetHostState(id, HostState.REBOOTING))),
        step=report(boot=True),
        says="agent reports",
    ),
    "HOST_NIMBY_LOCKED": Row(one(report(nimby_locked=True)), step=report(), says="owner leaves"),
    "HOST_CLOSED": Row(one(report(closed="its spool was deleted")), step=report(), says="do what they say"),
    "HOST_MEMORY_LOW": Row(one(report(free_memory=KiB(1_000))), step=report(), says="use less"),
    "HOST_DISK_LOW": Row(one(report(free_temp=KiB(1_000))), step=report(), says="removed"),
}
"""What a machine, its owner or another submission ends, and no command."""
ELSEWHERE: dict[str, str] = {
    "JOB_POSTED": "below: the end of the parent ends it",
    "LAST_RUN_OPEN": "the end of the run before ends it, or of its lease",
    "NOT_REPORTED": "test_explain_frame: the host's reports end it, or time",
    "HOST_AWAY": "test_silent_hosts: the agent comes back, or the lease is over",
    "RUN_STUCK": "test_stuck_runs: the host's report that it is over ends it",
    "HOST_NOT_HEARD": "after a restart only: the next report ends it",
    "QUARANTINED": "test_bad_hosts: time ends it",
    "PROBATION": "test_bad_hosts: the frame that runs there ends it",
    "JOB_HELD": "test_holds: the frame that is tried ends it, once what its words name is mended",
    "HOST_HELD": "test_holds: the same on a host",
    "HOST_OF_ONE": "test_running_alone: the end of what runs there ends it",
    "RUNS_ALONE": "test_running_alone: a host is emptied for it",
    "FAILED_THERE": "test_bad_hosts: time ends it",
    "RESERVED": "test_reservations: the wide frame's start ends it",
    "KEPT_FOR_GPUS": "test_gpus: the frame with the GPU ends it",
    "SHARE": "test_explain_order: the other shows' frames come to an end",
    "OWN_LAYERS": "test_explain_order: the frames before it come to an end",
    "POLICY": "test_policy: whoever wrote the policy",
    "CHECKPOINT": "test_frame_marks: the checkpoint's end, a person or time ends it",
    "NAME_TAKEN": "test_host_names: whoever gives the other machine a name of its own",
}
"""What time ends, or the studio's own code; tested where it comes from."""
NOTES = frozenset(
    {"NEXT", "DONE", "RUNNING", "RETRIES_LEFT", "RETRYING", "POLICY_FAILED", "MEMORY_LEARNED", "CORES_LEARNED"}
)  # fmt: skip
"""Nothing stands in the way there."""
UNTOLD = frozenset({"CORES", "MEMORY", "GPUS", "GPU_MEMORY", "FAILED_LATELY", "GPUS_IDLE"})
"""Parts of reasons, which are no reasons by themselves."""
WITH_DEPENDS = frozenset(
    {"WAITS_FOR_DEAD", "WAITS_FOR_EATEN", "WAITS_FOR_DONE", "WAITS_FOR_ENDED", "WAITS_FOR_STOPPED"}
    | {f"DEPEND_{type.name}" for type in DependType}
)
"""Tested in test_advice_on_depends, for every type of depend."""
MEMORY = frozenset({"FRAMES_OUT_OF_MEMORY"})
"""Tested below."""
STEPS = frozenset({
    "UNPAUSE", "ENABLE_SHOW", "BOOKING_ON", "START_NOW", "ANOTHER_TAG", "TAG_HOST", "FEWER_CORES", "FEWER_GPUS",
    "HIGHER_BURST", "HIGHER_GROUP_MAXIMUM", "HIGHER_JOB_MAXIMUM", "HIGHER_LIMIT", "HOST_UP", "LESS_GPU_MEMORY",
    "LESS_MEMORY", "SUBSCRIBE", "UNLOCK", "DISPATCH_ON",
})  # fmt: skip
"""Codes of steps, which remedies have."""
BEGINNINGS = frozenset({"DEPEND_", "FRAMES_", "WAITS_FOR_", "JOB_", "_MAX_GPUS", "HOST_", "GPU"})


def codes_in_source() -> set[str]:
    """Everything in the sources of `explain` that looks like a code."""
    folder = Path(cuebot.scheduling.__file__).parent
    names = (
        "constraints", "layer", "frame", "dead_frames", "waits", "learned_needs", "fixes", "silent_hosts", "stuck_runs",
    )  # fmt: skip
    files = [folder / "rules" / "eligibility.py", *(folder / "explain" / f"{name}.py" for name in names)]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    words = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    found = {word for word in words if isinstance(word, str) and re.fullmatch(r"_?[A-Z][A-Z_]{2,}", word)}
    return found - BEGINNINGS


def test_every_code_has_a_row() -> None:
    """A reason that is new, or a step, is entered in one of the tables above, with how it ends."""
    named = {*BY_COMMAND, *BY_TIME, *BY_ELSE, *ELSEWHERE}
    assert codes_in_source() <= named | NOTES | UNTOLD | WITH_DEPENDS | MEMORY | STEPS
    assert {f"HOST_{state.name}" for state in HostState if state is not HostState.UP} <= named
    assert {f"HOST_{lock.name}" for lock in LockState if lock is not LockState.OPEN} <= named
    wire_only = {JobState.STARTUP, JobState.SHUTDOWN, JobState.PENDING}
    assert {f"JOB_{state.name}" for state in JobState if state not in wire_only} <= named


@pytest.mark.parametrize("code", sorted(set(BY_COMMAND) - {"AHEAD", "EATEN"}))
def test_whoever_types_what_is_printed_sees_the_work_go_on(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each way out that `cueadmin -explain` prints for a reason, typed as it is printed, lets the plan book frames."""
    assert follow(BY_COMMAND[code], code, capsys) >= 1


def test_a_frame_on_such_a_host_says_that_first(capsys: pytest.CaptureFixture[str]) -> None:
    """HOST_GOES_ON of one frame: what stands in the way before how long it has been booked."""
    farm = gone_with_its_runs()
    with served(farm):
        out = printed(farm, "one/render", 0, capsys)
    first = "it is on host0, which was not heard for 10 min: it goes on there without the server"
    assert out.index(first) < out.index("it is booked on host0")
    assert "`cueadmin -delete-host host0`" in out


GPU_HOST = report(boot=True, gpus=2, gpu_memory=KiB(8 * GIB), free_gpu_memory=KiB(8 * GIB))
ASKED_TOO_MUCH: dict[str, dict[str, int]] = {
    "-layer-memory": {"memory_kib": 99 * GIB},
    "-layer-cores": {"cores": 4_000},
    "-layer-gpus": {"gpus": 9},
    "-layer-gpu-memory": {"gpus": 1, "gpu_memory_kib": 99 * GIB},
}


@pytest.mark.parametrize("flag", ASKED_TOO_MUCH)
def test_each_thing_that_is_asked_for_too_much_has_its_command(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """TOO_SMALL for memory, cores, GPUs or GPU memory: one command, which asks for what the host has."""
    row = Row(one(GPU_HOST, **ASKED_TOO_MUCH[flag]))
    farm = row.build()
    with served(farm):
        out = printed(farm, row.path, None, capsys)
        assert [[words[0] for words in way] for way in alternatives("", out)] == [[flag]]
    assert follow(row, "TOO_SMALL", capsys) == 1


def test_the_priority_that_is_printed_puts_the_job_first(capsys: pytest.CaptureFixture[str]) -> None:
    """AHEAD: typed as printed, the next frames booked are this job's."""
    farm = BY_COMMAND["AHEAD"].build()
    with served(farm):
        out = printed(farm, "one/render", None, capsys)
        (way,) = alternatives(reasons_of(farm, "one/render", None)["AHEAD"], out)
        assert main(["-force", *way[0]]) == 0
    farm.plan()
    assert farm.states("one/render").startswith("RRRR")


def test_an_eaten_frame_runs_again_by_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """EATEN: the printed retry makes the frame wait for a host again."""
    farm = BY_COMMAND["EATEN"].build()
    with served(farm):
        out = printed(farm, "one/render", 0, capsys)
        retry, _ = alternatives(reasons_of(farm, "one/render", 0)["EATEN"], out)
        assert main(["-force", *retry[0]]) == 0
    assert farm.states("one/render").startswith("W")


@pytest.mark.parametrize("code", list(BY_TIME))
def test_what_time_ends_names_no_command_that_would(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A reason that only time ends offers nothing to change but the size of what is asked for, and time ends it."""
    row = BY_TIME[code]
    farm = row.build()
    remedy = reasons_of(farm, row.path, row.frame)[code]
    assert "cueadmin" not in remedy or "-explain" in remedy
    assert row.step
    row.step(farm)
    assert goes_on(farm, row.path, 0)


@pytest.mark.parametrize("code", list(BY_ELSE))
def test_what_no_command_ends_says_what_does(code: str) -> None:
    """A reason that lies with a machine, its owner or the submission says so, and ends by just that."""
    row = BY_ELSE[code]
    farm = row.build()
    assert farm.plan() == []
    assert row.says in reasons_of(farm, row.path, row.frame)[code]
    assert row.step
    row.step(farm)
    assert farm.plan()


def test_a_post_job_starts_when_its_parent_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """JOB_POSTED: what is printed says how far the parent is, and the parent's end lets the job go."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), layer_spec("clean", "1", type="POST")))
    (post,) = (job for job in farm.farm.jobs.values() if job.parent_id)
    (layer,) = farm.farm.layers_of(post)
    (reason,) = explain_layer(farm.farm, layer, farm.now_us).reasons
    assert (reason.code, for_people(reason.remedy).count(farm.job("one").name)) == ("JOB_POSTED", 1)
    with served(farm):
        assert main(shlex.split(re.findall(r"`cueadmin ([^`]*)`", for_people(reason.remedy))[0])) == 0
    farm.plan()
    finish_what_runs(farm)
    farm.plan()
    assert layer.counts[FrameState.RUNNING] == 1


# --- memory -------------------------------------------------------------------------------------------------------


def test_frames_that_ran_out_of_memory_are_given_more_as_far_as_a_host_has_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """FRAMES_OUT_OF_MEMORY: what is printed sets more memory, never more than a host has, and runs them again."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1", memory_kib=6 * GIB), max_retries=0))
    farm.plan()
    farm.wait(30)
    farm.end(farm.run_of("one/render"), 1, max_rss=6 * GIB)
    farm.layer("one/render").frames.exit_status[0] = Exit.MEMORY  # after however many runs that is bounded to
    with served(farm):
        out = printed(farm, "one/render", None, capsys)
        (way,) = alternatives(reasons_of(farm, "one/render", None)["FRAMES_OUT_OF_MEMORY"], out)
        assert [words[0] for words in way] == ["-layer-memory", "-retry-frames"]
        for words in way:
            assert main(["-force", *words]) == 0
    assert 6 * GIB < farm.layer("one/render").min_memory <= 16 * GIB
    assert farm.plan()


@pytest.mark.parametrize("used", [12, 16])
def test_what_needs_more_memory_than_a_host_has_is_told_the_command(
    used: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """TOO_SMALL, also where its frames were seen to use as much, or the only host is busy with others."""

    def build() -> SmallFarm:
        farm = SmallFarm()
        farm.host()
        farm.launch(job_spec("one", layer_spec(range_text="1", memory_kib=99 * GIB)))
        farm.launch(job_spec("other", layer_spec(range_text="1", memory_kib=15 * GIB)))
        farm.layer("one/render").max_rss = KiB(used * GIB)
        farm.plan()
        return farm

    remedy = reasons_of(build(), "one/render", None)["TOO_SMALL"]
    assert ("seen to use" in remedy) is (used > 15)
    assert follow(Row(build), "TOO_SMALL", capsys) == 1


def test_no_sentence_is_printed_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a paused job: the pause once, its command once."""
    farm = BY_COMMAND["JOB_PAUSED"].build()
    with served(farm):
        for frame in (None, 0):
            out = printed(farm, "one/render", frame, capsys)
            lines = [line.strip(" -") for line in out.splitlines() if line.strip()]
            assert len(lines) == len(set(lines)), out
            assert out.count("-unpause") == 1
            assert out.count("the job is paused") == 1


def test_one_change_is_advised_where_one_does() -> None:
    """Of a host that is locked and one without the layer's tag, each remedy has one step."""
    farm = SmallFarm()
    farm.host("a", tags=("gpu",))
    farm.host("b")
    farm.launch(job_spec("one", layer_spec(tags=("gpu",))))
    farm.do(c.LockHost(farm.farm.host_named("a").id, LockState.LOCKED))
    farm.do(c.LockHost(farm.farm.host_named("b").id, LockState.LOCKED))
    found = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us).remedies
    assert [[step.code for step in remedy.steps] for remedy in found] == [["UNLOCK"]]


def test_a_host_with_no_tag_worth_naming_is_given_the_layers(capsys: pytest.CaptureFixture[str]) -> None:
    """Kernel, agent's version, word size and name are no tags to ask for; the host gets the layer's own instead."""

    def build() -> SmallFarm:
        farm = one(tags=("nosuch",))()
        (allocation,) = farm.farm.allocations.values()
        farm.do(c.Change("allocation", allocation.id, {"tag": "host0"}))
        return farm

    assert follow(Row(build, unlike=("-layer-tags", "64bit", "rqdv-", "6.8.0")), "TAGS", capsys) == 1


def test_names_are_quoted_where_a_shell_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A host with a blank in its name is one word of the command."""
    farm = SmallFarm()
    host = farm.host("node 1")
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    farm.do(c.LockHost(host.id, LockState.LOCKED))
    with served(farm):
        assert "unlock host node 1: `cueadmin -unlock 'node 1'`" in printed(farm, "one/render", None, capsys)
