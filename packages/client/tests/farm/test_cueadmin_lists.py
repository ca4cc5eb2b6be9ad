"""What the list commands of cueadmin print, letter for letter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from builders import (
    GB,
    a_dead_frame,
    a_depend,
    a_frame,
    a_host,
    a_job,
    a_layer,
    a_proc,
    a_show,
    a_subscription,
    an_allocation,
)
from fake_farm import NOW
from opencue_proto import comment_pb2, depend_pb2, host_pb2, job_pb2, limit_pb2, service_pb2

from cue_cli.cueadmin import format as cueadmin_format
from cue_cli.cueadmin import main
from cuefarm_proto import farm_pb2


@pytest.fixture
def show(farm, capsys, monkeypatch):
    """Give a function that runs cueadmin 3,661 s after NOW and returns its lines; the status must be 0."""
    monkeypatch.setattr(cueadmin_format, "now", lambda: NOW + 3661)

    def run(*arguments: str) -> list[str]:
        status = main(arguments)
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return printed.out.splitlines()

    return run


def test_lj_starts_with_the_name_and_says_how_it_goes(farm, show):
    """-lj: no header, the name first, then state and progress."""
    farm.jobs["a"] = a_job("demo-sh010-ann_comp")
    farm.jobs["b"] = a_job("demo-sh020-bob_fx", is_paused=True, job_stats=job_pb2.JobStats(total_frames=5))
    assert show("-lj") == [
        "demo-sh010-ann_comp PENDING 4/10 done, 3 running, 2 waiting, 1 dead",
        "demo-sh020-bob_fx PENDING 0/5 done, paused",
    ]


def test_lj_upstream_prints_bare_names(farm, show):
    """-lj --format upstream: names only."""
    farm.jobs["a"] = a_job()
    assert show("-lj", "--format", "upstream") == ["demo-sh010-ann_comp"]


def test_the_format_may_come_from_the_environment(farm, show, monkeypatch):
    """CUEADMIN_FORMAT=upstream is the same as --format upstream."""
    monkeypatch.setenv("CUEADMIN_FORMAT", "upstream")
    farm.jobs["a"] = a_job()
    assert show("-lj") == ["demo-sh010-ann_comp"]


def test_lj_narrows_by_parts_of_the_name(farm, show):
    """-lj PART: jobs whose name contains it."""
    farm.jobs = {name: a_job(name) for name in ("demo-sh010-ann_comp", "demo-sh020-bob_fx")}
    assert [line.split()[0] for line in show("-laj", "_fx")] == ["demo-sh020-bob_fx"]


def test_lji_is_a_table(farm, show):
    """-lji: group, what it holds, priority and cores of each job; a paused one is marked."""
    farm.jobs = {"a": a_job(), "b": a_job("demo-sh020-bob_fx", is_paused=True)}
    assert [line.rstrip() for line in show("-lji")] == [
        "Job                                                      Group           Booked   Cores     Wait   Pri"
        " MinCores MaxCores   Dead",
        "demo-sh010-ann_comp                                      demo                3    6.00        2    50"
        "     1.00   100.00      1",
        "demo-sh020-bob_fx [paused]                               demo                3    6.00        2    50"
        "     1.00   100.00      1",
    ]


def test_lji_of_one_job_lists_its_dependencies(farm, show):
    """-lji JOB: a block that `grep -A5 Dependencies` shows whole, active ones first."""
    farm.jobs["a"] = a_job()
    farm.depends["demo-sh010-ann_comp"] = [
        a_depend(active=False, type=depend_pb2.LAYER_ON_LAYER),
        a_depend(depend_er_layer="", type=depend_pb2.JOB_ON_JOB, depend_on_job="other-job", depend_on_layer=""),
    ]
    lines = show("-lji", "sh010")
    assert lines[lines.index("Dependencies of demo-sh010-ann_comp: 1 active, 1 satisfied") :] == [
        "Dependencies of demo-sh010-ann_comp: 1 active, 1 satisfied",
        "  JOB_ON_JOB demo-sh010-ann_comp waits for other-job (active)",
        "  LAYER_ON_LAYER comp waits for beauty (satisfied)",
    ]


def _settings(**changes: Any) -> farm_pb2.GetJobSettingsResponse:
    """What published messages have no field for, of the job that builders make."""
    layer = farm_pb2.LayerSettings(layer_id="id-beauty", layer_name="beauty", max_retries=0)
    frame = farm_pb2.DependSettings(
        depend_id="id-f",
        type="FRAME_ON_FRAME",
        active=True,
        on_failure=True,
        layer="comp",
        frame="0001-comp",
        on_job="demo-sh010-ann_comp",
        on_layer="beauty",
        on_frame="0002-beauty",
    )
    fields = {"job_name": "demo-sh010-ann_comp", "max_retries": 5, "layers": [layer], "depends": [frame]}
    return farm_pb2.GetJobSettingsResponse(**{**fields, **changes})


def test_lji_of_one_job_shows_what_is_set_of_it_and_its_layers(farm, show):
    """Only what is not as it is by itself; a layer of which nothing is set has no line."""
    job = farm.jobs["a"] = a_job(auto_eat=True)
    beauty = a_layer(timeout=30, timeout_llu=5, limits=["nuke", "arnold"], max_cores=8)
    farm.layers[job.name] = [beauty, a_layer("comp")]
    farm.settings[job.id] = _settings(time_limit_minutes=240, uid=4711, subscribers=["ann@example.com"])
    lines = show("-lji", "sh010")
    assert (
        "  group demo, 5 retries, time limit 240 min, user id 4711, frames that fail are eaten, mail to ann@example.com"
        in lines
    )
    assert [line for line in lines if line.startswith(("  beauty:", "  comp:"))] == [
        "  beauty: 0 retries of its own, time-out 30 min, time-out 5 min without a word in its log,"
        " counts by nuke, arnold, at most 8 cores"
    ]


def test_lji_counts_frames_that_wait_for_frames_and_marks_what_failure_satisfies(farm, show):
    """OpenCue's list of a job's depends leaves the former out, and does not know the latter."""
    job = farm.jobs["a"] = a_job()
    farm.depends[job.name] = [a_depend(any_frame=True)]
    farm.settings[job.id] = _settings()
    lines = show("-lji", "sh010")
    assert lines[lines.index(f"Dependencies of {job.name}: 2 active, 0 satisfied") + 1 :] == [
        "  FRAME_BY_FRAME comp waits for beauty (active, any frame of it is enough)",
        "  FRAME_ON_FRAME 0001-comp waits for 0002-beauty (active, dead frames count as done)",
    ]


def test_lji_as_json_has_all_that_is_set(farm, show):
    """Of one job: its limits and retries, those of its layers, and which depends failure satisfies."""
    job = farm.jobs["a"] = a_job()
    farm.layers[job.name] = [a_layer(timeout=30, limits=["nuke"]), a_layer("comp")]
    farm.settings[job.id] = _settings(time_limit_minutes=240, time_limit_ends_us=1_000_000)
    (found,) = json.loads("\n".join(show("-lji", "sh010", "--json")))
    keys = ("group", "uid", "max_retries", "time_limit_min", "time_limit_ends_at_epoch_s", "auto_eat", "subscribers")
    assert [found[key] for key in keys] == ["demo", None, 5, 240, 1, False, []]
    beauty, comp = found["layers"]
    assert [beauty[key] for key in ("timeout_min", "limits", "max_retries")] == [30, ["nuke"], 0]
    assert [comp[key] for key in ("timeout_min", "limits", "max_retries")] == [0, [], None]
    (depend,) = found["dependencies"]
    assert (depend["even_failed"], depend["waiting"]["frame"]) == (True, "0001-comp")


def test_lji_shows_what_a_server_of_another_make_knows(farm, show):
    """Without the settings that are cuefarm's alone: the group, and what layers ask for."""
    job = farm.jobs["a"] = a_job()
    farm.layers[job.name] = [a_layer(timeout=30)]
    farm.not_offered = {"FarmInterface.GetJobSettings"}
    lines = show("-lji", "sh010")
    assert "  group demo" in lines
    assert "  beauty: time-out 30 min" in lines


def test_lji_flags_a_cycle(farm, show):
    """Two layers that wait for each other are named, in five lines at most."""
    farm.jobs["a"] = a_job()
    back = a_depend(depend_er_layer="beauty", depend_on_layer="comp")
    farm.depends["demo-sh010-ann_comp"] = [a_depend(), back, *[a_depend() for _ in range(6)]]
    lines = show("-lji", "sh010")
    block = lines[next(place for place, line in enumerate(lines) if line.startswith("Dependencies")) :]
    assert block[1] == (
        "  CYCLE: demo-sh010-ann_comp/beauty -> demo-sh010-ann_comp/comp -> demo-sh010-ann_comp/beauty; "
        "break it with -satisfy-dependency JOB LAYER"
    )
    assert len(block) == 6
    assert block[-1] == "  ... and 5 more (cueadmin -lji demo-sh010-ann_comp --json)"


def test_a_layer_that_waits_for_its_own_previous_frames_is_no_cycle(farm, show):
    """PREVIOUS_FRAME on itself is an order, not a circle."""
    farm.jobs["a"] = a_job()
    own = a_depend(type=depend_pb2.PREVIOUS_FRAME, depend_on_layer="comp")
    farm.depends["demo-sh010-ann_comp"] = [own]
    assert "CYCLE" not in "\n".join(show("-lji", "sh010"))


def test_lp_has_the_cores_in_fields_two_and_eight(farm, show):
    """-lp: `awk '{sum+=$8}'` adds reserved cores, and the header adds nothing."""
    farm.procs = [a_proc(), a_proc(reserved_cores=1.5)]
    header, *rows = [line.split() for line in show("-lp")]
    assert [row[1] for row in rows] == [row[7] for row in rows] == ["2.00", "1.50"]
    assert not header[7].replace(".", "").isdigit()


def test_lp_line(farm, show):
    """-lp: host, cores, memory, job, cores, frame, start and run time."""
    farm.procs = [a_proc()]
    assert show("-lp") == [
        "Host       Cores   Memory                   Job                            Cores Frame"
        "                          Start        Runtime      ",
        "render01   2.00    1.0G of 2.0G (50.00%)    demo-sh010-ann_comp             2.00 0007-beauty"
        "                    11/14 22:13  01:01:01     ",
    ]


def test_lp_line_upstream(farm, show):
    """-lp --format upstream: a slash stands between job and frame."""
    farm.procs = [a_proc()]
    assert show("-lp", "--format", "upstream") == [
        "Host       Cores   Memory                   Job                            / Frame"
        "                          Start        Runtime      ",
        "render01   2.00    1.0G of 2.0G (50.00%)    demo-sh010-ann_comp            / 0007-beauty"
        "                    11/14 22:13  01:01:01     ",
    ]


def test_lp_filters_travel_in_the_wires_units(farm, show):
    """-memory is GB and goes as KB, -duration hours and goes as seconds, -limit and -host as they are."""
    farm.shows["demo"] = a_show()
    show("-lp", "demo", "-memory", "1-2", "-duration", "gt0.5", "-limit", "10", "-host", "render01", "-job", "j")
    criteria = farm.only("ProcInterface.GetProcs").r
    assert (criteria.memory_range[0].min, criteria.memory_range[0].max) == (GB, 2 * GB)
    assert criteria.duration_range[0].min == 1800
    assert list(criteria.max_results) == [10]
    assert (list(criteria.hosts), list(criteria.jobs), list(criteria.shows)) == (["render01"], ["j"], ["demo"])


def test_ll_adds_the_logs_of_dead_frames(farm, show):
    """-ll: running logs bare, then dead ones marked ERROR, the latest last."""
    farm.jobs["demo-sh010-ann_comp"] = a_job()
    farm.frames["demo-sh010-ann_comp"] = [a_dead_frame(2, stop_time=NOW + 900), a_dead_frame(1), a_frame(3)]
    farm.procs = [a_proc()]
    folder = "/logs/demo/sh010/logs/demo-sh010-ann_comp--1/demo-sh010-ann_comp"
    assert show("-ll") == [
        f"{folder}.0007-beauty.rqlog",
        f"{folder}.0001-beauty.rqlog ERROR exit status 1 on render01 at 11/14 22:14",
        f"{folder}.0002-beauty.rqlog ERROR exit status 1 on render01 at 11/14 22:28",
    ]
    assert show("-ll", "--format", "upstream") == [f"{folder}.0007-beauty.rqlog"]


def test_lh_table(farm, show):
    """-lh: one line a host, with its state as a word, its load average, its uptime, and its last report."""
    down = a_host("render02", state=host_pb2.DOWN, lock_state=host_pb2.LOCKED, ping_time=NOW + 3597)
    farm.hosts = {"a": a_host("render01"), "b": down}
    assert show("-lh") == [
        "Host            Load NIMBY freeMem  freeSwap freeMcp   Cores Mem   Idle             Os       Uptime   State"
        "  Locked    Alloc      Thread  Report",
        "render01        4.10 False 20.0G    2.0G     100.0G    8.0   32.0G [ 4.00 / 16.0G ] linux    61 min   Up   "
        "  OPEN      local.general AUTO    61 min ago",
        "render02        4.10 False 20.0G    2.0G     100.0G    8.0   32.0G [ 4.00 / 16.0G ] linux    61 min   Down "
        "  LOCKED    local.general AUTO    64 s ago",
    ]


def test_lh_grep_minus_v_up_leaves_what_is_not_up(farm, show):
    """`cueadmin -lh | grep -v Up` drops the header and the hosts that are up."""
    states = [host_pb2.UP, host_pb2.DOWN, host_pb2.REPAIR, host_pb2.REBOOT_WHEN_IDLE]
    farm.hosts = {f"r{state}": a_host(f"r{state}", state=state) for state in states}
    left = [line.split()[0] for line in show("-lh") if "Up" not in line]
    assert left == ["r1", "r3", "r4"]


def test_lh_tells_what_the_farm_says_of_a_host(farm, capsys):
    """What the farm itself remarks on a host stands beside the table, on standard error; people's remarks do not."""
    farm.hosts["a"] = a_host(has_comment=True)
    for user in ("system", "ann"):
        farm.remarks.append(comment_pb2.Comment(user=user, subject=f"Of {user}", message="Another agent"))
    assert main(["-lh"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "render01: Of system. Another agent\n"
    assert len(printed.out.splitlines()) == 2


def test_lh_of_a_host_not_heard_since_the_server_started(farm, capsys):
    """It is Unheard, not Up, and neither a load nor a time since 1970 is told, also with --json."""
    farm.hosts["a"] = a_host("render01", ping_time=0)
    assert main(["-lh"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[1:6] == ["-", "False", "-", "-", "-"]
    assert " Unheard " in line
    assert " Up " not in line
    assert line.endswith(" not heard since the server started")
    assert main(["-lh", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["state"], record["heard_of_at_epoch_s"]) == ("UNHEARD", None)


def test_lh_tells_once_of_two_agents_under_one_name(farm, capsys):
    """As a refused agent, also with --json; what the farm remarks on the host says no more than that."""
    farm.hosts["a"] = a_host("render01", has_comment=True)
    farm.remarks.append(comment_pb2.Comment(user="system", subject="Two agents under one name", message="Rename."))
    told = {"code": "NAME_TAKEN", "why": "another agent has its name", "remedy": "rename it", "count": 3}
    farm.doors.refused.add(address="10.0.0.7", name="render01", last_s=4, **told)
    assert main(["-lh"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["refused"]
    assert main(["-lh", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [(record["name"], record["state"]) for record in records] == [("render01", "UP"), ("render01", "REFUSED")]


def test_lh_tells_of_agents_that_the_server_refuses(farm, capsys):
    """They stand beside the table, with what to do; with --json as hosts in a state of their own that offer nothing."""
    farm.hosts["a"] = a_host()
    told = {"code": "NO_TOKEN", "why": "it sends no token", "remedy": "give it one", "count": 3}
    farm.doors.refused.add(address="10.0.0.7", name="render07", last_s=5, **told)
    farm.doors.refused.add(address="10.0.0.8", last_s=4_000, **told)
    assert main(["-lh"]) == 0
    printed = capsys.readouterr()
    words = "refused: the agent at 10.0.0.7 (render07): it sends no token; 3 times, last 5 s ago; give it one\n"
    assert printed.err == words
    assert len(printed.out.splitlines()) == 2
    assert main(["-lh", "--json"]) == 0
    up, refused = json.loads(capsys.readouterr().out)
    assert (up["state"], refused["state"], refused["name"], refused["cores"]) == ("UP", "REFUSED", "render07", 0)
    assert set(refused) == {*up, "refused"}
    assert refused["refused"]["address"] == "10.0.0.7"
    for chosen, found in (
        (["-lh", "er07"], words),
        (["-lh", "-host", "10.0.0.7"], words),
        (["-lh", "other"], "no host contains other; cueadmin -lh lists all\n"),
        (["-lh", "-state", "up"], ""),
        (["-lh", "--format", "upstream"], ""),
    ):
        assert main(chosen) == 0
        assert capsys.readouterr().err == found


def test_lh_upstream_spells_states_as_the_wire_does(farm, show):
    """-lh --format upstream: UP and DOWN."""
    farm.hosts = {"a": a_host()}
    assert " UP " in show("-lh", "--format", "upstream")[1]


def test_lh_filters(farm, show):
    """-state takes any case, -lock-state and -sort-idle work on what came."""
    farm.hosts = {
        "a": a_host("a", idle_cores=1),
        "b": a_host("b", idle_cores=8),
        "c": a_host("c", lock_state=host_pb2.LOCKED),
        "d": a_host("d", state=host_pb2.DOWN),
    }
    rows = show("-lh", "-state", "up", "-lock-state", "open", "-sort-idle")[1:]
    assert [row.split()[0] for row in rows] == ["b", "a"]


def test_ls_table(farm, show):
    """-ls: what each show holds and has waiting."""
    farm.shows["demo"] = a_show()
    assert show("-ls") == [
        "Show     Active   ReservedCores   RunningFrames   PendingFrames     PendingJobs",
        "demo     True              6.00               3               5               2",
    ]


def test_la_table(farm, show):
    """-la: allocations by facility."""
    farm.allocations = {"x": an_allocation("site.fast", tag="fast"), "y": an_allocation()}
    assert show("-la") == [
        "Name                                  Tag  Running     Avail     Cores    Hosts   Locked     Down Billable",
        "local.general                     general     4.00      4.00       8.0        1        0        0 False   ",
        "site.fast                            fast     4.00      4.00       8.0        1        0        0 False   ",
    ]


def test_lb_table_is_in_cores(farm, show):
    """-lb SHOW: 1000 points print as 10.0 cores; use is a share of the size."""
    farm.shows["demo"] = a_show()
    farm.subscriptions["s"] = a_subscription()
    assert show("-lb", "demo") == [
        "Subscriptions for demo",
        "Allocation                     Show           Size    Burst      Run     Used",
        "local.general                  demo           10.0     20.0     5.00   50.00%",
    ]


def test_lb_skips_unknown_shows(farm, capsys):
    """-lb: an unknown show is warned about; if none is left that is an error."""
    farm.shows["demo"] = a_show()
    assert main(["-lb", "demo", "nothing"]) == 0
    assert "show 'nothing' does not exist" in capsys.readouterr().err
    assert main(["-lb", "nothing"]) == 1
    assert "no valid shows" in capsys.readouterr().err


def test_lba_takes_an_unqualified_name(farm, show):
    """-lba ALLOC: found without its facility where only one fits."""
    farm.allocations["local.general"] = an_allocation()
    farm.subscriptions["s"] = a_subscription()
    assert show("-lba", "general")[0] == "Subscriptions for All Shows"


def test_lv_prints_true_megabytes_and_upstream_its_label(farm, show):
    """-lv: 2 GB are 2048 MB here, and upstream's KB number under the label MB there."""
    farm.services["shell"] = service_pb2.Service(name="shell", min_cores=100, min_memory=2 * GB, tags=["a", "b"])
    assert show("-lv") == [
        "Name                 Can Thread   Min Cores Units      Min Memory      Tags                                ",
        "shell                False        100                  2048 MB         a | b                               ",
    ]
    assert "2097152 MB" in show("-lv", "--format", "upstream")[1]


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        (["-lj"], "name", "demo-sh010-ann_comp"),
        (["-lji"], "reserved_cores", 6.0),
        (["-lp"], "used_memory_kb", GB),
        (["-lh"], "state", "UP"),
        (["-ls"], "pending_jobs", 2),
        (["-la"], "available_cores", 4.0),
        (["-lb", "demo"], "size_cores", 10.0),
        (["-lv"], "min_cores", 1.0),
        (["-ll"], "error", None),
        (["-limits"], "max", 20),
    ],
)
def test_every_list_has_json(farm, show, arguments, key, value):
    """--json prints a list of objects with units in their keys."""
    farm.jobs["a"] = a_job()
    farm.procs = [a_proc()]
    farm.hosts["a"] = a_host()
    farm.shows["demo"] = a_show()
    farm.allocations["a"] = an_allocation()
    farm.subscriptions["a"] = a_subscription()
    farm.services["shell"] = service_pb2.Service(name="shell", min_cores=100)
    farm.limits["nuke"] = limit_pb2.Limit(name="nuke", max_value=20)
    assert json.loads("\n".join(show(*arguments, "--json")))[0][key] == value


def test_a_pipe_that_closes_early_is_no_error(farm):
    """`cueadmin -lj | head -1` ends quietly."""
    farm.jobs = {f"job-{number:05d}": a_job(f"job-{number:05d}") for number in range(3000)}
    command = f"{sys.executable} -m cue_cli.cueadmin -server {farm.address} -lj | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("job-00000 ")
    assert done.stderr == ""


def test_the_helpers_of_the_tables():
    """Durations, sizes and cut names as the tables use them."""
    assert cueadmin_format.formatMem(1023) == "1023K"
    assert cueadmin_format.formatMem(2048) == "2M"
    assert cueadmin_format.formatMem(3 * GB // 2) == "1.5G"
    assert cueadmin_format.formatLongDuration(90_000) == "01:01"
    assert cueadmin_format.formatDuration(3661) == "01:01:01"
    assert cueadmin_format.formatTime(0) == "--/-- --:--"
    assert cueadmin_format.cutoff("abcdefghij", 8) == "abcdef.."
    assert cueadmin_format.cutoff("abc", 8) == "abc"
