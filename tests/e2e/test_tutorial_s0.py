"""Managing jobs and frames: each row of that tutorial (S0) on a live farm. Tests name the rows that they are of."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm_process import FarmProcess, wait_for
from tutorial_farm import (
    SLEEP,
    a_layer,
    an_empty_farm,
    an_outline,
    done,
    launched,
    launched_outline,
    rows_without_a_test,
    shell,
    states,
    wait_state,
)

import opencue
import outline
from opencue.compiled_proto import job_pb2

NO_TEST = {
    "01": "the aims of the tutorial, which the other rows are",
    "07": "a menu of a window; the command behind it is row 06",
    "63": "a stub that sends mail; what it would hear of is tested with row 64",
    "69": "a stub that tells a team",
}


@pytest.fixture(autouse=True)
def _empty(farm: FarmProcess, tmp_path: Path) -> Iterator[None]:
    """Give each test the farm without jobs."""
    with an_empty_farm(farm, tmp_path / "sessions"):
        yield


def test_every_row_has_a_test():
    """A row of the tutorial has a test here, or a reason for none."""
    rows = [f"{number:02d}" for number in range(1, 82) if f"{number:02d}" not in NO_TEST]
    assert rows_without_a_test(rows, globals(), "s0") == []


# --- Priorities


def test_s0_02_the_higher_number_goes_first_and_1_is_the_default(farm: FarmProcess):
    """Of two jobs that wait for the same place the one of the higher priority gets it; without one it is 1."""
    blocker = launched("blocker", a_layer("hold", SLEEP, cores=2))
    wait_state(blocker, job_pb2.RUNNING)
    low = launched("plain", a_layer("render", SLEEP, cores=2))
    high = launched("high", a_layer("render", SLEEP, cores=2), priority=120)
    assert (low.priority(), high.priority()) == (1, 120)
    blocker.kill()
    wait_state(high, job_pb2.RUNNING)
    assert job_pb2.RUNNING not in states(low).values()


def test_s0_03_08_16_importing_asks_no_server():
    """`outline`, its shell module and `opencue` are imported where no server is."""
    code = "import outline, outline.modules.shell, opencue; print(outline.Layer.__name__, outline.cuerun.__name__)"
    environment = {"CUEBOT_HOSTS": "127.0.0.1:1", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert result.stdout == "Layer outline.cuerun\n", result.stderr


def test_s0_04_dashes_of_shows_and_users_are_kept(farm: FarmProcess):
    """An outline of a show and user with dashes becomes a job of them; its name part has underscores."""
    assert shell(farm, "cueadmin -create-show demo-project -force").returncode == 0
    job = outline.Outline(name="urgent-render-v001", shot="shot010", show="demo-project", user="vfx-supervisor")
    job.add_layer(a_layer("render", SLEEP))
    made = launched_outline(job)
    assert made.user() == "vfx-supervisor"
    assert (made.show(), made.name()) == ("demo-project", "demo-project-shot010-vfx-supervisor_urgent_render_v001")
    assert opencue.api.findShow("demo_project").name() == "demo-project"


def test_s0_05_06_13_14_66_priorities_are_set_before_and_after_the_launch(farm: FarmProcess):
    """An outline's priority arrives with the job; a script and `-setpriority` change it, without a question."""
    job = an_outline("urgent")
    job.set_priority(125)
    job.add_layer(a_layer("render", SLEEP))
    made = launched_outline(job)
    assert (job.get_priority(), made.priority()) == (125, 125)
    done(shell(farm, f"cueadmin -setpriority {made.name()} 150"))
    assert opencue.api.findJob(made.name()).priority() == 150
    for phase in (50, 75, 100, 125, 150):
        opencue.api.findJob(made.name()).setPriority(phase)
    assert opencue.api.findJob(made.name()).priority() == 150


def test_s0_09_10_11_12_15_61_a_script_reads_what_is_pending():
    """Pending jobs are listed with their state and when they were submitted, in seconds since 1970."""
    made = launched("listed", a_layer("render", SLEEP))
    found = {job.name(): job for job in opencue.api.getJobs()}
    job = found[made.name()]
    assert job.state() == opencue.compiled_proto.job_pb2.PENDING
    assert 0 <= time.time() - job.date_submitted() < 60
    assert job.dateSubmitted() == job.date_submitted() == job.startTime()


# --- Dependencies


def test_s0_17_18_19_20_21_each_frame_waits_for_its_own(farm: FarmProcess, tmp_path: Path):
    """A plain depend_on goes frame by frame, and `#IFRAME#` is the number wherever it stands in a word."""
    preprocess = a_layer("preprocess", ["sh", "-c", "test #IFRAME# = 1 || sleep 300"], "1-2")
    render = a_layer("render", ["touch", f"{tmp_path}/frame_#IFRAME#_of_#IFRAME#.txt"], "1-2")
    render.depend_on(preprocess)  # before either is in an outline
    job = an_outline("dependency-demo")
    job.add_layer(preprocess)
    job.add_layer(render)
    with pytest.raises(outline.OutlineException):
        job.add_layer(a_layer("render", SLEEP))
    made = launched_outline(job)
    wait_state(made, job_pb2.SUCCEEDED, ["0001-render"])
    assert states(made)["0002-render"] == job_pb2.DEPEND
    assert (tmp_path / "frame_1_of_1.txt").exists()


def test_s0_22_23_a_depend_of_another_type_takes_the_place_of_the_first():
    """`opencue.DependType` is taken by outlines, and of two depends on one layer the last counts."""
    render = a_layer("render", SLEEP, "1-2")
    composite = a_layer("composite", SLEEP, "1-2")
    composite.depend_on(render, opencue.DependType.FRAME_BY_FRAME)
    composite.depend_on(render, opencue.DependType.LAYER_ON_LAYER)
    made = launched("composited", render, composite)
    depends = made.getLayer("composite").getWhatThisDependsOn()
    assert [depend.type() for depend in depends] == [opencue.DependType.LAYER_ON_LAYER]
    assert len(opencue.DependType) == 12


def test_s0_24_25_jobs_and_layers_wait_for_other_jobs():
    """A job waits for another job, and a layer for a layer of it; what never was is refused at launch."""
    first = launched("previous", a_layer("other-layer", SLEEP))
    job = an_outline("following")
    current = a_layer("current", SLEEP)
    job.add_layer(current)
    job.add_layer(a_layer("second", SLEEP))
    job.depend_on_job("previous")
    current.depend_on_job("previous", "other-layer")
    made = launched_outline(job)
    wanted = {(first.name(), "", made.name(), ""), (first.name(), "other_layer", made.name(), "current")}
    depends = made.getDepends()
    sides = {(d.dependOnJob(), d.dependOnLayer(), d.dependErJob(), d.dependErLayer()) for d in depends}
    assert wanted <= sides
    assert set(states(made).values()) == {job_pb2.DEPEND}
    lost = an_outline("lost")
    lost.add_layer(a_layer("current", SLEEP))
    lost.depend_on_job("never-submitted")
    with pytest.raises(Exception, match="never"):
        launched_outline(lost)


def test_s0_26_27_28_29_30_31_a_script_reports_what_blocks_what():
    """Each layer that something waits for is told with the job and layer that wait."""
    render = a_layer("render", SLEEP, "1-2")
    composite = a_layer("composite", SLEEP, "1-2")
    composite.depend_on(render)
    made = launched("report", render, composite)
    lines = []
    for layer in opencue.api.findJob(made.name()).getLayers():
        waiting = layer.getWhatDependsOnThis()
        if waiting:
            lines += [f"{layer.name()}: {dep.dependentJob().name()}/{dep.dependentLayer().name()}" for dep in waiting]
    assert lines == [f"render: {made.name()}/composite"]
    with pytest.raises(opencue.EntityNotFoundException):
        opencue.api.findJob("no-such-job")


def test_s0_32_33_dependencies_are_satisfied_and_dropped(farm: FarmProcess):
    """`-satisfy-dependency` lets a layer, or a whole job, go on; `-kill-dependency` drops a layer's."""
    names = {}
    for number, line in enumerate(
        ("-satisfy-dependency {} composite", "-satisfy-dependency {}", "-kill-dependency {} composite")
    ):
        render, composite = a_layer("render", SLEEP), a_layer("composite", ["true"])
        composite.depend_on(render)
        made = launched(f"blocked{number}", render, composite)
        names[made.name()] = made
        done(shell(farm, f"cueadmin {line.format(made.name())}"))
    for made in names.values():
        wait_state(made, job_pb2.SUCCEEDED, ["0001-composite"])


# --- Frames and failures


def test_s0_34_62_all_frames_of_a_job_come_however_many():
    """getFrames() without arguments gives more than a page has."""
    made = launched("many", a_layer("render", SLEEP, "1-2345"), pause=True)
    assert len(made.getFrames()) == len(made.getLayers()[0].getFrames()) == 2345
    assert made.getFrames(state=[job_pb2.DEAD]) == []


def test_s0_35_36_37_38_39_42_43_44_71_what_a_failed_frame_tells(farm: FarmProcess):
    """A frame that a signal ended is dead with the signal's number, its host, its log in the job's folder."""
    made = launched("failing", a_layer("render", "echo Permission denied; kill -9 $$", "7"), maxretries=0)
    wait_state(made, job_pb2.DEAD)
    frame = opencue.api.findJob(made.name()).getLayers()[0].getFrames()[0]
    host = opencue.api.getHosts()[0].name()
    assert frame.state() == opencue.compiled_proto.job_pb2.DEAD
    assert (frame.number(), frame.exitStatus(), frame.lastResource(), frame.retryCount()) == (7, 9, host, 0)
    assert frame.resource().startswith(f"{host}/0.10/")
    assert frame.runTime() >= 0
    found = done(shell(farm, f"grep -il 'permission denied' {made.logDir()}/*"))
    assert found.split() == [opencue.util.logPath(made, frame)]
    (failure,) = made.getFailures()
    assert (failure.frames, failure.exit_status) == (1, 9)


def test_s0_40_41_72_73_memory_is_in_megabytes_and_cores_are_what_a_frame_ran_with():
    """Used and reserved memory of a frame are in MB, its cores those of its run; none of one that never ran."""
    never = launched("never", a_layer("render", SLEEP), pause=True).getFrames()[0]
    assert (never.usedCores(), never.usedMemory(), never.runTime(), never.lastResource()) == (0.0, 0, 0, "")
    made = launched("measured", a_layer("render", SLEEP, cores=0.5))
    wait_state(made, job_pb2.RUNNING)
    frame = made.getFrames()[0]
    assert frame.usedCores() == 0.5
    assert frame.reservedMemory() == frame.memReserved() / 1024 >= 256
    assert frame.usedMemory() == (frame.memUsed() or frame.maxRss()) / 1024


def test_s0_45_46_47_a_retry_with_half_as_much_memory_again():
    """A layer's memory in MB goes back to it multiplied, and its dead frames are tried again."""
    made = launched("hungry", a_layer("render", ["false"]), maxretries=0)
    wait_state(made, job_pb2.DEAD)
    layer = made.getLayers()[0]
    assert layer.minimumMemory() == 256
    layer.setMinMemory(layer.minimumMemory() * 1.5)
    assert made.getLayers()[0].minMemory() == 384 * 1024
    made.getFrames()[0].retry()
    wait_for(lambda: made.getFrames()[0].retryCount() == 1, 30, "the frame to be tried again")
    wait_state(made, job_pb2.DEAD)


def test_s0_48_49_50_frames_of_a_range_are_retried_eaten_and_killed(farm: FarmProcess):
    """Each takes the job, the layer and a range in the full syntax."""
    render, hold = a_layer("render", ["false"], "100-120"), a_layer("hold", SLEEP, "100-101")
    made = launched("ranges", render, hold, maxretries=0)
    wait_state(made, job_pb2.DEAD, [f"{number:04d}-render" for number in range(100, 121)])
    wait_state(made, job_pb2.RUNNING, ["0100-hold", "0101-hold"])
    done(shell(farm, f"cueadmin -eat-frames {made.name()} render 115,118,119"))
    eaten = made.getFrames(state=[job_pb2.EATEN])
    assert [frame.number() for frame in eaten] == [115, 118, 119]
    done(shell(farm, f"cueadmin -retry-frames {made.name()} render 111-113x2"))
    wait_state(made, job_pb2.DEAD, ["0111-render", "0113-render"])
    runs = {frame.number(): len(frame.getRuns()) for frame in made.getFrames(layer=["render"], range="111-114")}
    assert runs == {111: 2, 112: 1, 113: 2, 114: 1}
    done(shell(farm, f"cueadmin -kill-frames {made.name()} hold 101-200"))
    wait_state(made, job_pb2.DEAD, ["0101-hold"])
    assert states(made)["0100-hold"] == job_pb2.RUNNING


# --- Resources


def test_s0_51_52_53_54_65_resources_arrive_in_their_units(farm: FarmProcess):
    """Cores are whole or fractions, memory is MB, and a service that no farm knows is kept by its name."""
    layer = a_layer("render", SLEEP)
    layer.set_min_cores(4)
    layer.set_max_cores(16)
    layer.set_min_memory(2048)
    layer.set_service("maya2024")
    kept = launched("resources", layer).getLayers()[0]
    assert (kept.minCores(), kept.maxCores(), kept.minMemory()) == (4.0, 16.0, 2048 * 1024)
    assert list(kept.data.services) == ["maya2024"]


def test_s0_54_a_service_that_is_a_hosts_tag_asks_for_that_tag(farm: FarmProcess):
    """While a host has a tag of the service's name, the layer runs there alone, and else anywhere."""
    host = opencue.api.getHosts()[0]
    layer = a_layer("render", ["true"])
    layer.set_service("highmem")
    wait_state(launched("anywhere", layer), job_pb2.SUCCEEDED)
    host.addTags(["highmem"])
    again = a_layer("render", ["true"])
    again.set_service("highmem")
    try:
        wait_state(launched("tagged", again), job_pb2.SUCCEEDED)
    finally:
        host.removeTags(["highmem"])


def test_s0_55_56_an_allocation_is_made_and_tagged(farm: FarmProcess):
    """An allocation is found by its last part alone, and a list with commas becomes several tags."""
    done(shell(farm, "cueadmin -create-alloc local workstation-pool workstation -force"))
    done(shell(farm, 'cueadmin -tag-alloc workstation-pool "maya2024,highcpu" -force'))
    allocation = opencue.api.findAllocation("local.workstation-pool")
    assert set(allocation.tag().replace("|", " ").replace(",", " ").split()) == {"maya2024", "highcpu"}


# --- Many jobs at once


def test_s0_57_58_59_60_jobs_of_a_user_or_show_are_killed_one_by_one():
    """Jobs are found by user, also by one alone, and by show; RUNNING, a state of frames, does no harm."""
    made = launched("mine", a_layer("render", SLEEP))
    assert [job.name() for job in opencue.api.getJobs(user=["ann"])] == [made.name()]
    assert [job.name() for job in opencue.api.getJobs(user="ann")] == [made.name()]
    assert opencue.api.getJobs(user=["nobody-else"]) == []
    for job in opencue.api.getJobs(show=["testing"]):
        if job.state() in [job_pb2.PENDING, opencue.compiled_proto.job_pb2.RUNNING]:
            job.kill()
    assert opencue.api.getJobs() == []


def test_s0_64_70_a_monitor_counts_what_failed():
    """The share of failed frames and the age of a job are there for whoever watches."""
    made = launched("watched", a_layer("render", ["sh", "-c", "exit $((#IFRAME# > 1))"], "1-4"), maxretries=0)
    wait_for(lambda: made.getFrames(state=[job_pb2.DEAD]).__len__() == 3, 60, "three frames to fail")
    frames = made.getFrames()
    failed = [frame for frame in frames if frame.state() == job_pb2.DEAD]
    succeeded = [frame for frame in frames if frame.state() == opencue.compiled_proto.job_pb2.SUCCEEDED]
    assert (len(failed) / len(frames), len(succeeded)) == (0.75, 1)


def test_s0_67_a_job_is_given_to_somebody_else():
    """The user of a job is another one; its name stays."""
    made = launched("handed_over", a_layer("render", SLEEP), pause=True)
    made.setOwner("ben")
    found = opencue.api.findJob(made.name())
    assert (found.user(), found.name()) == ("ben", made.name())


def test_s0_68_a_comment_of_one_text():
    """One text is the message, and begins the subject; two are what they were."""
    made = launched("commented", a_layer("render", SLEEP))
    made.addComment("Approved by the supervisor, on to compositing")
    made.addComment("A subject", "and more")
    kept = {comment.message(): comment.subject() for comment in made.getComments()}
    assert kept["and more"] == "A subject"
    assert kept["Approved by the supervisor, on to compositing"].startswith("Approved")


# --- At the shell


def test_s0_74_75_jobs_are_listed_a_line_each_with_their_state(farm: FarmProcess):
    """The first word of a line is the name, the state is in it, and there is no head line; a pipe may end early."""
    names = sorted(launched(f"line{number}", a_layer("render", SLEEP), pause=True).name() for number in range(3))
    lines = done(shell(farm, "cueadmin -lj | grep PENDING")).splitlines()
    assert sorted(line.split()[0] for line in lines) == names
    result = shell(farm, "cueadmin -lj | head -1")
    assert (result.returncode, result.stderr, len(result.stdout.splitlines())) == (0, "", 1)


def test_s0_76_hosts_that_are_not_up_are_found(farm: FarmProcess):
    """`grep -v Up` leaves the hosts in another state, and no head line."""
    host = opencue.api.getHosts()[0]
    assert shell(farm, "cueadmin -lh | grep -v Up").stdout.strip() == ""
    done(shell(farm, f"cueadmin -repair {host.name()} -force"))
    try:
        assert done(shell(farm, "cueadmin -lh | grep -v Up")).split()[0] == host.name()
    finally:
        done(shell(farm, f"cueadmin -fixed {host.name()} -force"))


def test_s0_77_logs_of_frames_that_died_are_marked(farm: FarmProcess):
    """Of running frames there is the bare path, of dead ones the path and ERROR."""
    dead = launched("died", a_layer("render", ["false"]), maxretries=0)
    running = launched("runs", a_layer("render", SLEEP))
    wait_state(dead, job_pb2.DEAD)
    wait_state(running, job_pb2.RUNNING)
    failed = done(shell(farm, "cueadmin -ll | grep ERROR | tail -10")).split()
    assert failed[0] == opencue.util.logPath(dead, dead.getFrames()[0])
    assert opencue.util.logPath(running, running.getFrames()[0]) in done(shell(farm, "cueadmin -ll")).splitlines()


def test_s0_78_cores_in_use_are_added_up(farm: FarmProcess):
    """The eighth field of the list of what runs is the cores that it holds."""
    made = launched("cores", a_layer("render", SLEEP, "1-3", cores=0.5))
    wait_state(made, job_pb2.RUNNING)
    line = """cueadmin -lp | awk '{sum+=$8} END {print "Total cores in use:", sum}'"""
    assert done(shell(farm, line)) == "Total cores in use: 1.5\n"


@pytest.mark.parametrize("chosen", ["", "grep PENDING | "])
def test_s0_79_80_all_listed_jobs_are_killed_by_xargs(farm: FarmProcess, chosen: str):
    """With nobody at a terminal, jobs that are named are killed without a question."""
    for number in range(2):
        launched(f"victim{number}", a_layer("render", SLEEP))
    line = f"cueadmin -lj | {chosen}awk '{{print $1}}' | xargs -I {{}} cueadmin -kill {{}}"
    assert shell(farm, line).returncode == 0
    assert opencue.api.getJobs() == []


def test_s0_81_a_host_is_named_behind_safe_reboot(farm: FarmProcess):
    """`-safe-reboot HOST` is a command line that makes sense: what is wrong with the host is said, and status 1."""
    result = shell(farm, "cueadmin -safe-reboot no-such-host")
    assert (result.returncode, "no-such-host" in result.stderr) == (1, True)
