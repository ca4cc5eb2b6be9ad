"""Every action of cueadmin says how much it changed, and nothing changed is no success."""

from __future__ import annotations

import time

import pytest
from builders import a_depend, a_host, a_job, a_layer, a_show, a_subscription, an_allocation

from cue_cli.cueadmin import main
from cue_cli.cueadmin.commands import SECTIONS

JOB = "demo-sh010-ann_comp"

# flags -> (arguments, the call, what is said when the server changes 2 things, and when it changes nothing)
ACTIONS = {
    "-pause": ([JOB], "JobInterface.Pause", f"{JOB}: paused", "it was paused already"),
    "-unpause": ([JOB], "JobInterface.Resume", f"{JOB}: unpaused", "it was not paused"),
    "-kill": ([JOB], "JobInterface.Kill", f"{JOB}: killed", "it was over already"),
    "-kill-all": ([], "JobInterface.Kill", f"{JOB}: killed", "it was over already"),
    "-retry": ([JOB], "JobInterface.RetryFrames", f"{JOB}: 2 frames retried", "it has no dead frame"),
    "-retry-all": ([], "JobInterface.RetryFrames", f"{JOB}: 2 frames retried", "it has no dead frame"),
    "-drop-depends": ([JOB], "JobInterface.DropDepends", f"{JOB}: 2 dependencies dropped", "it depends on nothing"),
    "-set-min-cores": ([JOB, "2"], "JobInterface.SetMinCores", f"{JOB}: minimum cores 2", "minimum cores 2 already"),
    "-set-max-cores": ([JOB, "2"], "JobInterface.SetMaxCores", f"{JOB}: maximum cores 2", "maximum cores 2 already"),
    "-set-owner": ([JOB, "bob"], "FarmInterface.SetJobOwner", f"{JOB}: user bob", "user bob already"),
    "-time-limit": (
        [JOB, "90"],
        "FarmInterface.SetJobTimeLimit",
        f"{JOB}: time limit 90 min",
        "time limit 90 min already",
    ),
    "-subscribe": (
        [JOB, "a@b.c"],
        "JobInterface.AddSubscriber",
        f"{JOB}: a@b.c gets mail when it ends",
        "a@b.c gets mail already",
    ),
    "-stagger-frames": (
        [JOB, "beauty", "1-10", "3"],
        "LayerInterface.StaggerFrames",
        f"{JOB}/beauty: 2 frames staggered by 3",
        "no frame has another place",
    ),
    "-reorder-frames": (
        [JOB, "1-10", "reverse"],
        "JobInterface.ReorderFrames",
        f"{JOB}: 2 frames reordered: REVERSE",
        "no frame has another place",
    ),
    "-layer-retries": (
        [JOB, "beauty", "3"],
        "FarmInterface.SetLayerMaxRetries",
        f"{JOB}/beauty: retries 3",
        "retries 3 already",
    ),
    "-priority": ([JOB, "7"], "JobInterface.SetPriority", f"{JOB}: priority 7", "priority 7 already"),
    "-setpriority": ([JOB, "7"], "JobInterface.SetPriority", f"{JOB}: priority 7", "priority 7 already"),
    "-retry-frames": (
        [JOB, "beauty", "1-2"],
        "JobInterface.RetryFrames",
        f"{JOB}/beauty: 2 frames retried",
        "no frame was retried: frames 1-2 are waiting already",
    ),
    "-eat-frames": (
        [JOB, "beauty", "1-2"],
        "JobInterface.EatFrames",
        f"{JOB}/beauty: 2 frames eaten; what depends on them goes on waiting",
        "no frame was eaten: frames 1-2 are done or eaten already",
    ),
    "-markdone-frames": (
        [JOB, "beauty", "1"],
        "JobInterface.MarkDoneFrames",
        f"{JOB}/beauty: 2 dependencies satisfied",
        "no frame was marked done: frame 1 is waited for by nothing",
    ),
    "-kill-frames": (
        [JOB, "beauty", "1-2"],
        "JobInterface.KillFrames",
        f"{JOB}/beauty: 2 frames killed",
        "no frame was killed: frames 1-2 are not running",
    ),
    "-kill-dependency": (
        [JOB, "beauty"],
        "LayerInterface.DropDepends",
        f"{JOB}/beauty: 2 dependencies dropped",
        "it depends on nothing that is not done",
    ),
    "-lock": (["render01"], "HostInterface.Lock", "render01: locked", "it was locked already"),
    "-unlock": (["render01"], "HostInterface.Unlock", "render01: unlocked", "it was not locked"),
    "-move": (
        ["desktop", "-host", "render01"],
        "HostInterface.SetAllocation",
        "render01: moved to local.desktop",
        "it was in local.desktop already",
    ),
    "-delete-host": (["render01"], "HostInterface.Delete", "render01: deleted", "it was deleted already"),
    "-safe-reboot": (["render01"], "HostInterface.RebootWhenIdle", "will reboot when idle", "it is to reboot already"),
    "-reboot": (["render01"], "HostInterface.Reboot", "render01: reboots", "it reboots already"),
    "-repair": (["render01"], "HostInterface.SetHardwareState", "render01: in repair", "it was in repair already"),
    "-fixed": (["render01"], "HostInterface.SetHardwareState", "render01: up", "it was up already"),
    "-thread": (
        ["all", "-host", "render01"],
        "HostInterface.SetThreadMode",
        "render01: thread mode ALL",
        "thread mode ALL already",
    ),
    "-delete-show": (["demo"], "ShowInterface.Delete", "demo: deleted", "it was deleted already"),
    "-disable-show": (["demo"], "ShowInterface.SetActive", "demo: disabled", "it was disabled already"),
    "-enable-show": (["demo"], "ShowInterface.SetActive", "demo: enabled", "it was enabled already"),
    "-dispatching": (
        ["demo", "on"],
        "ShowInterface.EnableDispatching",
        "demo: dispatching on",
        "dispatching on already",
    ),
    "-booking": (["demo", "off"], "ShowInterface.EnableBooking", "demo: booking off", "booking off already"),
    "-default-min-cores": (
        ["demo", "1"],
        "ShowInterface.SetDefaultMinCores",
        "demo: default minimum cores 1",
        "default minimum cores 1 already",
    ),
    "-default-max-cores": (
        ["demo", "9"],
        "ShowInterface.SetDefaultMaxCores",
        "demo: default maximum cores 9",
        "default maximum cores 9 already",
    ),
    "-delete-alloc": (["general"], "AllocationInterface.Delete", "local.general: deleted", "it was deleted already"),
    "-rename-alloc": (
        ["general", "fast"],
        "AllocationInterface.SetName",
        "local.general: renamed to local.fast",
        "it is called local.fast already",
    ),
    "-transfer": (
        ["general", "desktop"],
        "AllocationInterface.ReparentHosts",
        "local.general: 2 hosts moved to local.desktop",
        "its hosts are in local.desktop already",
    ),
    "-tag-alloc": (
        ["general", "a"],
        "AllocationInterface.SetTag",
        "local.general: tagged a",
        "it was tagged a already",
    ),
    "-set-max-gpus": ([JOB, "2"], "JobInterface.SetMaxGpus", f"{JOB}: maximum GPUs 2", "maximum GPUs 2 already"),
    "-layer-memory": (
        [JOB, "beauty", "2"],
        "LayerInterface.SetMinMemory",
        f"{JOB}/beauty: memory 2",
        "memory 2 already",
    ),
    "-layer-cores": ([JOB, "beauty", "2"], "LayerInterface.SetMinCores", f"{JOB}/beauty: cores 2", "cores 2 already"),
    "-layer-gpus": ([JOB, "beauty", "1"], "LayerInterface.SetMinGpus", f"{JOB}/beauty: GPUs 1", "GPUs 1 already"),
    "-layer-gpu-memory": (
        [JOB, "beauty", "1"],
        "LayerInterface.SetMinGpuMemory",
        "GPU memory 1",
        "GPU memory 1 already",
    ),
    "-layer-tags": ([JOB, "beauty", "a"], "LayerInterface.SetTags", f"{JOB}/beauty: tags a", "tags a already"),
    "-layer-timeout": (
        [JOB, "beauty", "9"],
        "LayerInterface.SetTimeout",
        f"{JOB}/beauty: timeout 9 minutes",
        "timeout 9 minutes already",
    ),
    "-layer-timeout-llu": (
        [JOB, "beauty", "9"],
        "LayerInterface.SetTimeoutLLU",
        f"{JOB}/beauty: timeout_llu 9 minutes",
        "timeout_llu 9 minutes already",
    ),
    "-start-now": ([JOB, "beauty"], "LayerInterface.SetStartAfter", f"{JOB}/beauty: start now", "start now already"),
    "-tag-host": (["render01", "new"], "HostInterface.AddTags", "render01: tagged new", "it was tagged new already"),
    "-group-max-cores": (["demo", "g", "4"], "GroupInterface.SetMaxCores", "demo/g: maximum cores 4", "4 already"),
    "-group-max-gpus": (["demo", "g", "4"], "GroupInterface.SetMaxGpus", "demo/g: maximum GPUs 4", "4 already"),
    "-limit-max": (["nuke", "4"], "LimitInterface.SetMaxValue", "nuke: maximum 4", "maximum 4 already"),
    "-archive-show": (["demo", "demo"], "ShowInterface.Archive", "demo: archived", "it was archived already"),
    "-scheduler-managed": (
        ["demo", "on"],
        "ShowInterface.SetSchedulerManaged",
        "demo: another scheduler is wanted for it",
        "is wanted for it already",
    ),
    "-run-filters": (
        [JOB],
        "JobInterface.RunFilters",
        f"{JOB}: filters have acted on it",
        "no filter changes anything of it",
    ),
    "-enable-filter": (["demo", "hurry"], "FilterInterface.SetEnabled", "hurry: enabled", "enabled already"),
    "-disable-filter": (["demo", "hurry"], "FilterInterface.SetEnabled", "hurry: disabled", "disabled already"),
    "-set-department": (
        ["demo", "g", "FX"],
        "GroupInterface.SetDepartment",
        "g: department FX",
        "department FX already",
    ),
    "-remove-department": (["FX"], "DepartmentInterface.RemoveDepartmentName", "FX: removed", "it was removed already"),
    "-override-service": (
        ["demo", "shell", "cores=2", "memory=8g"],
        "ServiceOverrideInterface.Update",
        "shell: cores=2 memory=8g",
        "cores=2 memory=8g already",
    ),
    "-drop-override": (
        ["demo", "shell"],
        "ServiceOverrideInterface.Delete",
        "demo has no service of its own",
        "had none",
    ),
    "-set-task": (["demo", "FX", "sh010", "4"], "TaskInterface.SetMinCores", "sh010: 4 cores", "4 cores already"),
    "-delete-task": (
        ["demo", "FX", "sh010"],
        "TaskInterface.Delete",
        "sh010: its task is deleted",
        "it was deleted already",
    ),
    "-limit-type": (["nuke", "host"], "LimitInterface.SetType", "nuke: type HOST", "type HOST already"),
    "-limit-soft": (["nuke", "-1"], "LimitInterface.SetSoftValue", "nuke: soft value -1", "soft value -1 already"),
    "-limit-enforcement": (
        ["nuke", "advisory"],
        "LimitInterface.SetEnforcement",
        "nuke: enforcement ADVISORY",
        "enforcement ADVISORY already",
    ),
    "-limit-ttl": (
        ["nuke", "60"],
        "LimitInterface.SetReportTtl",
        "nuke: reports believed for 60 s",
        "reports believed for 60 s already",
    ),
    "-limit-failure": (
        ["nuke", "330", "5"],
        "LimitInterface.SetFailureRule",
        "nuke: exit status 330, the layer waits 5 min and is counted",
        "already",
    ),
    "-delete-limit": (["nuke"], "LimitInterface.Delete", "nuke: deleted", "it was deleted already"),
    "-rename-limit": (["nuke", "nukex"], "LimitInterface.Rename", "nuke: renamed to nukex", "it is called nukex"),
    "-delete-sub": (["demo", "general"], "SubscriptionInterface.Delete", "deleted", "it was deleted already"),
    "-size": (["demo", "general", "1"], "SubscriptionInterface.SetSize", "size 1 core\n", "size 1 core already"),
    "-burst": (["demo", "general", "3"], "SubscriptionInterface.SetBurst", "burst 3 cores", "burst 3 cores already"),
}

COUNTED_HERE = {
    "-satisfy-dependency",
    "-import-filters",
    *("-redirect", "-redirect-group", "-clear-redirects", "-unbook"),
    *("-delete-owner", "-owner-show", "-give", "-disown"),
    *("-partition-size", "-delete-partition"),
    *("-clear-limit-bindings", "-limit-report"),
}
"""What counts what it finds by itself, or is told in the answer; each has a test of its own."""

MAKES = {
    *("-add-partition", "-create-owner", "-import", "-create-show", "-create-alloc", "-create-limit", "-create-sub"),
    "-add-department",
    "-depend",
}
"""What makes a thing makes it or is refused."""


@pytest.fixture(autouse=True)
def _small_farm(farm):
    """Fill the farm with one of each."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer("beauty", range="1-10")]
    farm.shows["demo"] = a_show()
    farm.allocations = {"local.general": an_allocation(), "local.desktop": an_allocation("local.desktop")}
    farm.subscriptions["local.general.demo"] = a_subscription()
    farm.hosts = {"render01": a_host(), "render02": a_host("render02")}
    farm.changed["JobInterface.MarkAsWaiting"] = 0


def test_every_action_has_a_row():
    """A new action has to say what it changed, and what it says when that is nothing."""
    looks = ("Lists", "What was")
    flags = {command.flags[0] for title, commands in SECTIONS.items() if title not in looks for command in commands}
    assert flags == set(ACTIONS) | COUNTED_HERE | MAKES


@pytest.mark.parametrize("flag", ACTIONS)
def test_something_done_is_counted_and_success(farm, capsys, flag):
    """Status 0, with what was changed on stdout."""
    arguments, call, done, _ = ACTIONS[flag]
    farm.changed[call] = 2
    assert main(["-force", flag, *arguments]) == 0
    assert done in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flag", "stored", "said"),
    [
        ("-set-min-cores", 0.5, "minimum cores 0.5"),
        ("-set-max-cores", -1, "maximum cores -1"),
        ("-default-min-cores", 0.5, "default minimum cores 0.5"),
        ("-default-max-cores", 0, "default maximum cores 0"),
        ("-layer-cores", 1, "cores 1"),
        ("-layer-memory", 262_144, "memory 256M"),
        ("-layer-gpu-memory", 262_144, "GPU memory 256M"),
        ("-group-max-cores", 3, "maximum cores 3"),
    ],
)
@pytest.mark.parametrize("changed", [0, 1])
def test_what_the_server_stored_is_told(farm, capsys, flag, stored, said, changed):
    """A server may keep another value than was typed: its own is printed, done now or there already."""
    arguments, call, _, _ = ACTIONS[flag]
    farm.stores[call], farm.changed[call] = stored, changed
    assert main(["-force", flag, *arguments]) == 1 - changed
    out, err = capsys.readouterr()
    assert (out or err).endswith(f": {said}\n" if changed else f": {said} already\n")


@pytest.mark.parametrize("flag", ["-set-min-cores", "-set-max-cores", "-default-max-cores"])
@pytest.mark.parametrize("text", ["0.004", "-0.001", "nan", "inf"])
def test_cores_that_would_become_something_else_are_no_cores(farm, capsys, flag, text):
    """Too few to be a hundredth would be 0, which is no core or no maximum: the line is refused."""
    with pytest.raises(SystemExit) as ended:
        main(["-force", flag, ACTIONS[flag][0][0], text])
    assert ended.value.code == 2
    assert "the least is 0.01" in (said := capsys.readouterr().err) or "is not a number" in said
    assert farm.changes() == []


@pytest.mark.parametrize("flag", ACTIONS)
def test_nothing_to_do_is_status_1_with_words(farm, capsys, flag):
    """The reason stands on stderr, and nothing is claimed on stdout."""
    arguments, call, _, nothing = ACTIONS[flag]
    farm.changed[call] = 0
    assert main(["-force", flag, *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert nothing in said.err


@pytest.mark.parametrize("flag", ACTIONS)
def test_a_server_that_does_not_count_is_believed(farm, capsys, flag):
    """OpenCue's server says no numbers: what it accepts is done, and no number is made up."""
    farm.says_what_changed = False
    assert main(["-force", flag, *ACTIONS[flag][0]]) == 0
    assert "None" not in capsys.readouterr().out


def test_one_is_one(farm, capsys):
    """One frame is not one frames."""
    assert main(["-retry", JOB, "-force"]) == 0
    assert capsys.readouterr().out == f"{JOB}: 1 frame retried\n"


def test_frames_that_are_not_there_are_named(farm, capsys):
    """A range beside the layer's names what is missing, as a range."""
    farm.changed["JobInterface.RetryFrames"] = 0
    assert main(["-retry-frames", JOB, "beauty", "5000-5010"]) == 1
    expected = f"{JOB}/beauty: no frame was retried: it has no frames 5000-5010, only 1-10\n"
    assert capsys.readouterr().err == expected


def test_part_of_a_range_is_done_and_the_rest_named(farm, capsys):
    """Some were killed, some do not run, some are not there: that is success, and all of it is said."""
    farm.changed["JobInterface.KillFrames"] = 3
    assert main(["-force", "-kill-frames", JOB, "beauty", "1-12"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{JOB}/beauty: 3 frames killed\n"
    assert "it has no frames 11-12, only 1-10" in said.err
    assert "7 other frames of this range: not running" in said.err


def test_frames_inside_a_chunk_are_not_missing(farm, capsys):
    """Of a layer in chunks of five, 1-10 are two frames of the farm, and none is missing."""
    farm.layers[JOB] = [a_layer("beauty", range="1-10", chunk_size=5)]
    farm.changed["JobInterface.RetryFrames"] = 2
    assert main(["-retry-frames", JOB, "beauty", "1-10"]) == 0
    assert capsys.readouterr().err == ""


def test_eating_with_markdone_counts_both(farm, capsys):
    """-eat-frames -markdone says how many frames were given up and how many dependencies satisfied."""
    farm.changed.update({"JobInterface.EatFrames": 1, "JobInterface.MarkDoneFrames": 4})
    assert main(["-force", "-eat-frames", JOB, "beauty", "3", "-markdone"]) == 0
    assert capsys.readouterr().out == f"{JOB}/beauty: 1 frame eaten, 4 dependencies satisfied\n"


def test_of_several_jobs_one_with_nothing_to_do_is_no_failure(farm, capsys):
    """The status is 1 only where nothing at all was changed; what was not is said in any case."""
    farm.jobs["other"] = a_job("other")
    farm.JobInterface_RetryFrames = lambda request, context: _dead_frames_of(request, context, {JOB: 2, "other": 0})
    assert main(["-retry", JOB, "other", "-force"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"{JOB}: 2 frames retried\n", "other: it has no dead frame\n")


def _dead_frames_of(request, context, dead):
    """Answer for a job with so many dead frames."""
    from opencue_proto import job_pb2

    context.set_trailing_metadata([("cuefarm-changed", str(dead[request.job.name]))])
    return job_pb2.JobRetryFramesResponse()


def test_satisfy_dependency_counts_what_it_satisfied(farm, capsys):
    """One is found and satisfied; where none is active there is nothing to do."""
    farm.depends[JOB] = [a_depend(id="one", depend_er_layer="beauty")]
    assert main(["-satisfy-dependency", JOB, "beauty"]) == 0
    assert capsys.readouterr().out == f"{JOB}/beauty: 1 dependency satisfied\n"
    farm.depends[JOB] = []
    assert main(["-satisfy-dependency", JOB, "beauty"]) == 1
    assert "it depends on nothing that is not done" in capsys.readouterr().err


def test_a_host_that_is_not_there_is_an_error_beside_one_that_is(farm, capsys):
    """The one that exists is locked; the other is named once, and makes the status 1."""
    assert main(["-lock", "render01", "render09"]) == 1
    said = capsys.readouterr()
    assert said.out == "render01: locked\n"
    assert said.err.count("render09") == 1


def test_deleting_a_host_that_reports_says_that_it_will_be_back(farm, capsys):
    """And how to keep it away; a host that is gone is deleted without a word of that."""
    farm.hosts["render01"] = a_host(ping_time=int(time.time()) - 3)
    assert main(["-force", "-delete-host", "render01"]) == 0
    warning = capsys.readouterr().err
    assert "back with its agent's next report" in warning
    assert "cueadmin -lock render01" in warning
    assert main(["-force", "-delete-host", "render02"]) == 0
    assert capsys.readouterr().err == ""


def test_without_a_pending_job_there_is_nothing_to_kill(farm, capsys):
    """-kill-all and -retry-all on an empty farm do not ask, and say so."""
    farm.jobs.clear()
    for flag in ("-kill-all", "-retry-all"):
        assert main([flag]) == 1
        assert capsys.readouterr().err == "Error: there is no pending job.\n"
