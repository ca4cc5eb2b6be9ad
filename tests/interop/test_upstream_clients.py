"""Upstream's published pycue, cueadmin and PyOutline drive this farm as they would drive theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from farm_process import FarmProcess, layer, wait_for

Upstream = Callable[..., CompletedProcess[str]]

PYCUE = """
import json, sys
import opencue
from opencue.wrappers.depend import Depend
assert "upstream" in opencue.__file__, opencue.__file__
name = sys.argv[1]
job = opencue.api.findJob(name)
layers = job.getLayers()
frames = job.getFrames()
job.pause()
job.setPriority(77)
job.setMaxCores(3)
layers[0].setMinMemory(400000)
depend = layers[1].createDependencyOnLayer(layers[0])
again = opencue.api.findJob(name)
host = opencue.api.getHosts()[0]
host.addTags(["upstreamtag"])
comment = job.addComment("subject", "message")
result = {
    "state": again.state(), "paused": again.isPaused(), "priority": again.priority(), "max_cores": again.maxCores(),
    "layers": [x.name() for x in layers], "frames": len(frames),
    "min_memory": opencue.api.getLayer(layers[0].id()).minMemory(),
    "depends": [d.type() for d in layers[1].getWhatThisDependsOn()],
    "tags": list(opencue.api.findHost(host.name()).tags()), "comments": [c.message() for c in job.getComments()],
    "alloc": opencue.api.findAllocation("local.general").name(), "show": opencue.api.findShow("testing").name(),
    "group": job.group(), "procs": len(opencue.api.getProcs(job=[name])),
    "subscription": opencue.api.findSubscription("local.general.testing").burst(),
    "services": sorted(s.name() for s in opencue.api.getDefaultServices())[:2],
}
job.dropDepends(opencue.api.depend_pb2.ANY_TARGET)
job.resume()
print(json.dumps(result))
"""


SHOW_OF_ITS_OWN = """
import json, sys
import opencue
from opencue.wrappers import filter as f
assert "upstream" in opencue.__file__, opencue.__file__
job = opencue.api.findJob(sys.argv[1])
show = opencue.api.findShow("testing")
group = show.getRootGroup().createSubGroup("filtered")
one, two = show.createFilter("one"), show.createFilter("two")
one.createMatcher(f.MatchSubject.Value("JOB_NAME"), f.MatchType.Value("ENDS_WITH"), "filters")
action = one.createAction(f.ActionType.Value("SET_JOB_PRIORITY"), 66)
one.createAction(f.ActionType.Value("MOVE_JOB_TO_GROUP"), group)
one.createAction(f.ActionType.Value("SET_JOB_MAX_CORES"), 2.5)
one.createAction(f.ActionType.Value("PAUSE_JOB"), True)
one.createAction(f.ActionType.Value("STOP_PROCESSING"), None)
action.setTypeAndValue(f.ActionType.Value("SET_JOB_PRIORITY"), 67)
matcher = one.getMatchers()[0]
matcher.setInput("filters")
one.setEnabled(True)
two.orderFirst()
one.runFilterOnJobs([job])
again = opencue.api.getJob(job.id())
department = show.getDepartment("Unknown")
opencue.api.addDepartmentName("Crowd")
data = opencue.api.getService("shell").data
data.min_cores = 300
override = show.createServiceOverride(data)
result = {
    "filters": [(x.name(), x.order(), x.isEnabled()) for x in show.getFilters()],
    "names": [x.name() for x in one.getActions()], "matchers": [x.name() for x in one.getMatchers()],
    "found": opencue.api.findFilter("testing", "one").id() == one.id(),
    "parent": action.getParentFilter().name(),
    "job": [again.priority(), again.group(), again.maxCores(), again.isPaused()],
    "departments": "Crowd" in opencue.api.getDepartmentNames(), "department": department.name(),
    "override": show.getServiceOverride("shell").data.min_cores,
}
show.getServiceOverride("shell").delete()
opencue.api.removeDepartmentName("Crowd")
for x in (one, two):
    x.delete()
print(json.dumps(result))
"""


def test_pycue_has_filters_departments_and_services_of_a_show(farm: FarmProcess, upstream: Upstream) -> None:
    """Its wrappers make them, order them, run them, and take them away."""
    job = farm.launch("filters", layer("first", "true", "1", more="<tags>nowhere</tags>"))
    done = upstream("python", "-c", SHOW_OF_ITS_OWN, job.name())
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["filters"] == [["two", 1.0, True], ["one", 2.0, True]]
    assert len(seen["names"]) == 5
    assert seen["matchers"] == ["JOB_NAME ENDS_WITH filters"]
    assert (seen["found"], seen["parent"]) == (True, "one")
    assert seen["job"] == [67, "filtered", 2.5, True]
    assert (seen["departments"], seen["department"], seen["override"]) == (True, "testing.Unknown", 300)
    job.kill(reason="seen")


def test_pycue(farm: FarmProcess, upstream: Upstream) -> None:
    """Its wrappers read and change jobs, layers, hosts, depends, comments, and the job then runs to its end."""
    job = farm.launch(
        "pycue", layer("first", "true", "1-3", more="<tags>nowhere</tags>"), layer("second", "true", "1-3")
    )
    done = upstream("python", "-c", PYCUE, job.name())
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["paused"], seen["priority"], seen["max_cores"], seen["min_memory"]) == (True, 77, 3.0, 400000)
    assert (seen["layers"], seen["frames"], seen["depends"]) == (["first", "second"], 6, [4])
    assert "upstreamtag" in seen["tags"]
    assert seen["comments"] == ["message"]
    assert (seen["alloc"], seen["show"], seen["group"]) == ("local.general", "testing", "testing")
    assert seen["services"] == ["arnold", "default"]
    farm.connect().api.getJob(job.id()).getLayers()[0].setTags(["general"])
    assert farm.wait_job(job).succeededFrames() == 6


LIMITS = """
import json, sys, time
import opencue
assert "upstream" in opencue.__file__, opencue.__file__
api, job = opencue.api, opencue.api.findJob(sys.argv[1])
made = api.createLimit("upnuke", 9, limitType=1, softValue=7, exitStatus=330, delayMinutes=5, autoTag=True)
made.setEnforcement(1)
made.setSoftValue(6)
made.setReportTtl(60)
made.setFailureRule(331, 4, False)
made.setMaxValue(8)
layer = job.getLayers()[0]
layer.addLimit(made.id())
report = api.buildLimitReport("upnuke", {"WS1.studio.example": 2}, total_licenses=10, capture_time=int(time.time()))
answer = api.reportLimitUsage([report, api.buildLimitReport("nobodys", {})], "upstream")
limit = api.findLimit("upnuke")
found = {
    "kinds": [int(limit.limitType()), int(limit.enforcement())],
    "numbers": [limit.maxValue(), limit.softValue(), limit.reportTtl(), limit.exitStatus(), limit.delayMinutes()],
    "use": [limit.currentUsage(), limit.settledUsage(), limit.pendingUsage(), limit.hostCount()],
    "told": [limit.autoTag(), limit.isReportStale(), limit.isBlocking(), limit.reportSource()],
    "unknown": list(answer.unknown_limits),
    "holds": [[hold.host_name, hold.tokens, hold.source] for hold in api.getLimitHolds("upnuke", "ws1")],
    "bindings": [[b.layer_name, b.source] for b in limit.bindings()],
    "cleared": api.clearLimitBindings("upnuke", [2]),
}
limit.delete()
print(json.dumps(found))
"""


def test_pycue_on_limits(farm: FarmProcess, upstream: Upstream) -> None:
    """Its newest calls make a limit whole, report who uses it, and read use, holds and bindings."""
    job = farm.launch("limits", layer("first", "true", "1", more="<tags>nowhere</tags>"))
    done = upstream("python", "-c", LIMITS, job.name())
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["kinds"], seen["numbers"]) == ([1, 1], [8, 6, 60, 331, 4])
    assert (seen["use"], seen["told"]) == ([1, 1, 0, 1], [False, False, False, "upstream"])
    assert (seen["unknown"], seen["holds"]) == (["nobodys"], [["WS1.studio.example", 2, 1]])
    assert (seen["bindings"], seen["cleared"]) == ([["first", 2]], 1)


def test_cueadmin_lists_and_acts(farm: FarmProcess, upstream: Upstream) -> None:
    """Its lists print our jobs, shows, hosts and allocations; pause, priority, retry and kill work."""
    job = farm.launch("admin", layer("work", "sleep 60", "1-2"))
    name = job.name()
    wait_for(lambda: farm.connect().api.getJob(job.id()).runningFrames() == 2, 20, "both frames to run")
    for flags, word in (
        (["-lj"], name),
        (["-lji"], name[:40]),
        (["-ls"], "testing"),
        (["-la"], "local.general"),
        (["-lb", "testing"], "local.general"),
        (["-lh"], "UP"),
        (["-lv"], "default"),
    ):
        listed = upstream("cueadmin", *flags)
        assert word in listed.stdout, f"{flags}: {listed.stdout}{listed.stderr}"
    upstream("cueadmin", "-force", "-pause", name)
    upstream("cueadmin", "-force", "-priority", name, "42")
    found = farm.connect().api.findJob(name)
    assert (found.isPaused(), found.priority()) == (True, 42)
    upstream("cueadmin", "-force", "-create-show", "fromupstream")
    assert farm.connect().api.findShow("fromupstream").name() == "fromupstream"
    upstream("cueadmin", "-force", "-kill", name)
    assert farm.wait_job(job).runningFrames() >= 0
    wait_for(lambda: not farm.connect().api.getProcs(), 20, "the runs to be ended")


def test_same_columns(farm: FarmProcess, upstream: Upstream) -> None:
    """Our `cueadmin --format upstream` prints the tables of jobs, shows and hosts exactly as upstream's does."""
    farm.launch("columns", layer("work", "true", "1", more="<tags>nowhere</tags>"))
    for flags in (["-lj"], ["-lji"], ["-ls"], ["-la"], ["-lb", "testing"], ["-lba", "local.general"], ["-lv"], ["-lh"]):
        theirs = upstream("cueadmin", *flags).stdout
        ours = farm.run("cueadmin", "--format", "upstream", *flags).stdout
        if flags == ["-lh"]:  # what a host measures is another amount a moment later
            theirs, ours = (re.sub(r"[\d.]+[KMGT]?", "#", re.sub(r" +", " ", text)) for text in (theirs, ours))
        assert [line.rstrip() for line in ours.splitlines()] == [line.rstrip() for line in theirs.splitlines()]


OUTLINE = """
import outline, outline.cuerun
from outline.modules.shell import Shell
ol = outline.Outline("fromoutline", frame_range="1-3", shot="sh010", show="testing", user="ann")
first = Shell("first", command=["/bin/echo", "#IFRAME#"], range="1-3", memory="256m")
second = Shell("second", command=["/bin/echo", "#IFRAME#"], range="1-3", memory="256m")
second.depend_on(first)
ol.add_layer(first)
ol.add_layer(second)
for job in outline.cuerun.launch(ol, use_pycuerun=False):
    print(job.name())
"""


def test_pyoutline(farm: FarmProcess, upstream: Upstream) -> None:
    """An outline that upstream's PyOutline serialises is launched and runs, frame by frame."""
    submitted = upstream("python", "-c", OUTLINE)
    assert submitted.returncode == 0, submitted.stderr
    name = submitted.stdout.split()[-1]
    opencue = farm.connect()
    jobs = opencue.api.getJobs(job=[name], include_finished=True)
    assert farm.wait_job(jobs[0]).succeededFrames() == 6


HISTORY = """
import json, sys
import opencue
from opencue.wrappers import monitoring
name, layer_name = sys.argv[1:]
job = monitoring.getJobHistory(shows=["testing"], job_name_regex=[name])[0]
layers = monitoring.getLayerHistory(job_name=name)
frames = monitoring.getFrameHistory(job_id=job.id, page_size=2)
memory = monitoring.getLayerMemoryHistory(layer_name, time_range=monitoring.TimeRange(1, 4000000000000))
now = monitoring.getFarmStatistics()[-1]
print(json.dumps({
    "name": job.name, "succeeded": job.succeededFrames, "state": job.finalState, "layers": [one.name for one in layers],
    "frames": [one.frameNumber for one in frames], "hosts": len(set(one.lastHost for one in frames)),
    "memory": [one.jobName for one in memory], "up": now.upHosts, "shows": [one.show for one in now.showStats],
}))
"""


def test_monitoring(farm: FarmProcess, upstream: Upstream) -> None:
    """Its functions on what was read our own history: jobs, layers, frames, memory and the farm."""
    job = farm.launch("history", layer("looked_back", "true", "1-3"))
    assert farm.wait_job(job).succeededFrames() == 3
    done = upstream("python", "-c", HISTORY, job.name(), "looked_back")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["name"], seen["succeeded"], seen["state"]) == (job.name(), 3, 1)
    assert (seen["layers"], seen["frames"], seen["hosts"]) == (["looked_back"], [1, 2], 1)
    assert seen["memory"] in ([], [job.name()])  # a frame that is over at once may have said nothing of its memory
    assert seen["up"] == 1


MARKS = """
import json, sys
import opencue
from opencue.wrappers.frame import Frame
job = opencue.api.findJob(sys.argv[1])
job.staggerFrames("1-6", 3)
job.reorderFrames("6", opencue.api.job_pb2.FIRST)
frame = job.getFrames()[0]
frame.setFrameStateDisplayOverride(opencue.api.job_pb2.WAITING, "queued", (1, 2, 3))
frame.setCheckpointState(Frame.CheckpointState.ENABLED)
again = job.getFrames()
try:
    job.addSubscriber("ann@render.example")
    said = ""
except Exception as error:
    said = str(error)
print(json.dumps({
    "order": [one.number() for one in again], "shown": again[0].frameStateDisplayOverride().text,
    "all": len(again[0].getFrameStateDisplayOverrides()), "refused": "mail_host" in said,
}))
"""


def test_marks_on_frames(farm: FarmProcess, upstream: Upstream) -> None:
    """Its wrappers stagger, reorder and mark frames; a server that sends no mail says so to who subscribes."""
    job = farm.launch("marks", layer("work", "true", "1-6", more="<tags>nowhere</tags>"))
    done = upstream("python", "-c", MARKS, job.name())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"order": [6, 1, 4, 2, 3, 5], "shown": "queued", "all": 1, "refused": True}


def test_cuecmd_submits_a_file_of_commands(farm: FarmProcess, upstream: Upstream, tmp_path: Path) -> None:
    """Its job has a frame for each chunk; what frames run is the `pycuerun` of where they land, so it stays paused."""
    lines = tmp_path / "commands.txt"
    lines.write_text("".join(f"echo {number}\n" for number in range(5)))
    words = ("--pause", "--chunk", "2", "--cores", "2", "--memory", "1.5", "--show", "testing", "--shot", "sh010")
    submitted = upstream("cuecmd", str(lines), *words, "--user", "ann", "--job-name", "bycuecmd")
    assert submitted.returncode == 0, submitted.stderr
    (job,) = farm.connect().api.getJobs(regex=[".*bycuecmd.*"])
    (commands,) = job.getLayers()
    assert (job.isPaused(), [frame.number() for frame in job.getFrames()]) == (True, [1, 2, 3])
    assert (commands.minCores(), commands.minMemory()) == (2.0, 1_572_864)
    job.kill()
