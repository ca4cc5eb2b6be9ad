"""What the commands of cueadmin that change something send, ask and return."""

from __future__ import annotations

import io

import pytest
from builders import a_depend, a_host, a_job, a_layer, a_show, a_subscription, an_allocation
from opencue_proto import depend_pb2, host_pb2, job_pb2

from cue_cli.cueadmin import main
from cuefarm_proto import farm_pb2
from opencue.cuebot import Cuebot

JOB = "demo-sh010-ann_comp"


@pytest.fixture(autouse=True)
def _small_farm(farm):
    """Fill the farm with one of each."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer("beauty"), a_layer("asset_prep")]
    farm.shows["demo"] = a_show()
    farm.allocations = {"local.general": an_allocation(), "local.desktop": an_allocation("local.desktop")}
    farm.subscriptions["local.general.demo"] = a_subscription()
    farm.hosts = {"render01": a_host(), "render02": a_host("render02")}


class Terminal(io.StringIO):
    """A stdin that is a terminal and holds an answer."""

    def isatty(self) -> bool:
        return True


def answer(monkeypatch, text: str, terminal: bool = True) -> None:
    """Put an answer on stdin."""
    monkeypatch.setattr("sys.stdin", Terminal(text) if terminal else io.StringIO(text))


@pytest.mark.parametrize(
    ("arguments", "call", "expected"),
    [
        (["-pause", JOB], "JobInterface.Pause", {}),
        (["-unpause", JOB], "JobInterface.Resume", {}),
        (["-set-min-cores", JOB, "2.5"], "JobInterface.SetMinCores", {"val": 2.5}),
        (["-set-max-cores", JOB, "8"], "JobInterface.SetMaxCores", {"val": 8}),
        (["-priority", JOB, "150"], "JobInterface.SetPriority", {"val": 150}),
        (["-set-max-gpus", JOB, "3"], "JobInterface.SetMaxGpus", {"val": 3}),
        (["-markdone-frames", JOB, "beauty", "1-3"], "JobInterface.MarkDoneFrames", {}),
        (["-layer-memory", JOB, "beauty", "2.5"], "LayerInterface.SetMinMemory", {"memory": 2_621_440}),
        (["-layer-memory", JOB, "beauty", "512m"], "LayerInterface.SetMinMemory", {"memory": 524_288}),
        (["-layer-memory", JOB, "beauty", "300001k"], "LayerInterface.SetMinMemory", {"memory": 300_001}),
        (["-layer-gpu-memory", JOB, "beauty", "1g"], "LayerInterface.SetMinGpuMemory", {"gpu_memory": 1_048_576}),
        (["-layer-cores", JOB, "beauty", "2.5"], "LayerInterface.SetMinCores", {"cores": 2.5}),
        (["-layer-gpus", JOB, "beauty", "2"], "LayerInterface.SetMinGpus", {"min_gpus": 2}),
        (["-layer-tags", JOB, "beauty", "gpu", "fast,big"], "LayerInterface.SetTags", {"tags": ["gpu", "fast", "big"]}),
        (["-layer-timeout", JOB, "asset-prep", "90"], "LayerInterface.SetTimeout", {"timeout": 90}),
        (["-layer-timeout-llu", JOB, "asset-prep", "9"], "LayerInterface.SetTimeoutLLU", {"timeout_llu": 9}),
        (["-start-now", JOB, "beauty"], "LayerInterface.SetStartAfter", {"start_after": 0}),
        (["-tag-host", "render01", "gpu", "fast"], "HostInterface.AddTags", {"tags": ["gpu", "fast"]}),
        (["-drop-depends", JOB], "JobInterface.DropDepends", {"target": depend_pb2.ANY_TARGET}),
        (["-create-show", "new"], "ShowInterface.CreateShow", {"name": "new"}),
        (["-delete-show", "demo"], "ShowInterface.Delete", {}),
        (["-enable-show", "demo"], "ShowInterface.SetActive", {"value": True}),
        (["-disable-show", "demo"], "ShowInterface.SetActive", {"value": False}),
        (["-dispatching", "demo", "off"], "ShowInterface.EnableDispatching", {"enabled": False}),
        (["-booking", "demo", "ON"], "ShowInterface.EnableBooking", {"enabled": True}),
        (["-default-min-cores", "demo", "1"], "ShowInterface.SetDefaultMinCores", {"min_cores": 1}),
        (["-default-max-cores", "demo", "9"], "ShowInterface.SetDefaultMaxCores", {"max_cores": 9}),
        (["-delete-alloc", "general"], "AllocationInterface.Delete", {}),
        (["-rename-alloc", "local.general", "fast"], "AllocationInterface.SetName", {"name": "fast"}),
        (["-rename-alloc", "general", "local.fast"], "AllocationInterface.SetName", {"name": "fast"}),
        (["-tag-alloc", "general", "maya2024, highcpu"], "AllocationInterface.SetTag", {"tag": "maya2024,highcpu"}),
        (["-create-sub", "demo", "general", "10", "20"], "ShowInterface.CreateSubscription", {"size": 10, "burst": 20}),
        (["-delete-sub", "demo", "general"], "SubscriptionInterface.Delete", {}),
        (["-delete-host", "render01"], "HostInterface.Delete", {}),
        (["-safe-reboot", "render01"], "HostInterface.RebootWhenIdle", {}),
        (["-repair", "-host", "render01"], "HostInterface.SetHardwareState", {"state": host_pb2.REPAIR}),
        (["-fixed", "-host", "render01"], "HostInterface.SetHardwareState", {"state": host_pb2.UP}),
        (["-thread", "all", "-host", "render01"], "HostInterface.SetThreadMode", {"mode": host_pb2.ALL}),
        (
            ["-move", "desktop", "-host", "render01"],
            "HostInterface.SetAllocation",
            {"allocation_id": "id-local.desktop"},
        ),
        (["-lock", "-host", "render01"], "HostInterface.Lock", {}),
        (["-unlock", "-hm", "01"], "HostInterface.Unlock", {}),
    ],
)
def test_a_command_sends_its_request(farm, arguments, call, expected):
    """Under -force each command sends one request with the values given, and returns 0."""
    assert main(["-force", *arguments]) == 0
    request = farm.only(call)
    assert {field: getattr(request, field) for field in expected} == expected


def test_retry_is_for_dead_frames_only(farm):
    """-retry asks for the state DEAD, as its text says."""
    assert main(["-force", "-retry", JOB]) == 0
    assert list(farm.only("JobInterface.RetryFrames").req.states.frame_states) == [job_pb2.DEAD]


def test_create_alloc_says_what_it_made(farm, capsys):
    """-create-alloc prints the full name."""
    assert main(["-force", "-create-alloc", "local", "pool", "workstation"]) == 0
    assert capsys.readouterr().out == "Created allocation: local.pool\n"
    assert farm.only("AllocationInterface.Create").tag == "workstation"


def test_transfer_moves_every_host(farm):
    """-transfer reparents the hosts of the first allocation to the second."""
    assert main(["-force", "-transfer", "general", "desktop"]) == 0
    request = farm.only("AllocationInterface.ReparentHosts")
    assert request.allocation.name == "local.desktop"
    assert [host.name for host in request.hosts.hosts] == ["render01", "render02"]


@pytest.mark.parametrize(
    ("arguments", "points"),
    [
        (["-size", "demo", "general", "12.5"], 1250),
        (["-size", "demo", "general", "1250", "--format", "upstream"], 1250),
        (["-burst", "demo", "general", "30"], 3000),
        (["-burst", "demo", "general", "50%"], 1500),
        (["-burst", "demo", "general", "50%", "--format", "upstream"], 1500),
        (["-burst", "demo", "general", "3000", "--format", "upstream"], 3000),
    ],
)
def test_subscription_sizes_are_cores_here_and_points_upstream(farm, arguments, points):
    """-size and -burst take cores, as -create-sub and -lb do; in the upstream format points, as its scripts do."""
    assert main(arguments) == 0
    (change,) = farm.changes()
    assert getattr(change.request, "new_size" if "-size" in arguments else "burst") == points


def test_frame_commands_name_layer_and_range(farm):
    """-retry-frames, -eat-frames and -kill-frames send the layer as the server spells it and the range as written."""
    assert main(["-retry-frames", JOB, "asset-prep", "100-120"]) == 0
    assert main(["-force", "-eat-frames", JOB, "beauty", "115,118,119"]) == 0
    assert main(["-force", "-kill-frames", JOB, "beauty", "1-10x2"]) == 0
    sent = {change.name: change.request.req for change in farm.changes()}
    assert sent["JobInterface.RetryFrames"].frame_range == "100-120"
    assert list(sent["JobInterface.RetryFrames"].layers) == ["asset_prep"]
    assert sent["JobInterface.EatFrames"].frame_range == "115,118,119"
    assert sent["JobInterface.KillFrames"].frame_range == "1-10x2"


@pytest.mark.parametrize("frames", ["-5--3", "-2-1", "-5-5x2", "-7", "-3,-1,4"])
@pytest.mark.parametrize("flag", ["-retry-frames", "-eat-frames", "-kill-frames"])
def test_frames_may_be_negative(farm, flag, frames):
    """A word that begins with a dash and a digit is a range, not a flag."""
    assert main(["-force", flag, JOB, "beauty", frames]) == 0
    (change,) = farm.changes()
    assert change.request.req.frame_range == frames


def test_satisfy_dependency_satisfies_what_is_active(farm):
    """-satisfy-dependency JOB LAYER: each active dependency of the layer, the others are left."""
    farm.depends[JOB] = [
        a_depend(id="one", depend_er_layer="beauty"),
        a_depend(id="two", depend_er_layer="beauty", active=False),
        a_depend(id="three", depend_er_layer="asset_prep"),
    ]
    assert main(["-satisfy-dependency", JOB, "beauty"]) == 0
    assert [change.request.depend.id for change in farm.changes()] == ["one"]


def test_satisfy_dependency_of_a_job_includes_its_layers(farm):
    """-satisfy-dependency JOB: the job's own dependencies and its layers'."""
    farm.depends[JOB] = [a_depend(id="job", depend_er_layer=""), a_depend(id="layer", depend_er_layer="beauty")]
    assert main(["-satisfy-dependency", JOB]) == 0
    assert sorted(change.request.depend.id for change in farm.changes()) == ["job", "layer"]


def test_kill_dependency_frees_layer_and_frames(farm):
    """-kill-dependency drops the layer's dependencies and marks its DEPEND frames as waiting."""
    assert main(["-force", "-kill-dependency", JOB, "beauty"]) == 0
    assert farm.only("LayerInterface.DropDepends").target == depend_pb2.ANY_TARGET
    request = farm.only("JobInterface.MarkAsWaiting").req
    assert (list(request.layers), list(request.states.frame_states)) == (["beauty"], [job_pb2.DEPEND])


def test_a_yes_goes_ahead_and_a_no_does_not(farm, monkeypatch, capsys):
    """At a terminal the command says what it will hit, and asks; no prints Canceled and is no error."""
    answer(monkeypatch, "n\n")
    assert main(["-kill", JOB]) == 0
    assert farm.changes() == []
    hit = "10 frames, 3 running, 2 waiting, 1 dead"
    assert capsys.readouterr().out == f"Please confirm. Kill {JOB}: {hit}? [y/n] Canceled\n"
    answer(monkeypatch, "y\n")
    assert main(["-kill", JOB]) == 0
    assert farm.only("JobInterface.Kill").job.name == JOB


def test_kill_without_a_terminal_goes_ahead(farm, monkeypatch):
    """`... | xargs cueadmin -kill`: nobody can be asked and the job is named, so it is killed."""
    answer(monkeypatch, "", terminal=False)
    assert main(["-kill", JOB]) == 0
    assert farm.only("JobInterface.Kill").job.name == JOB


def test_kill_all_without_a_terminal_needs_force(farm, monkeypatch, capsys):
    """Nothing is killed wholesale because nobody was there to say no."""
    answer(monkeypatch, "y\n", terminal=False)
    assert main(["-kill-all"]) == 1
    assert farm.changes() == []
    assert "add -force" in capsys.readouterr().err
    assert main(["-kill-all", "-force"]) == 0
    assert farm.only("JobInterface.Kill").job.name == JOB


def test_an_answer_may_come_from_a_pipe(farm, monkeypatch, capsys):
    """`echo y | cueadmin -delete-show`: the answer is read; without one it is an error."""
    answer(monkeypatch, "y\n", terminal=False)
    assert main(["-delete-show", "demo"]) == 0
    assert [change.name for change in farm.changes()] == ["ShowInterface.Delete"]
    answer(monkeypatch, "", terminal=False)
    assert main(["-delete-show", "demo"]) == 1
    assert "add -force" in capsys.readouterr().err


def test_setpriority_never_asks(farm, monkeypatch):
    """-setpriority goes ahead at a terminal without a word."""
    answer(monkeypatch, "")
    assert main(["-setpriority", JOB, "150"]) == 0
    assert farm.jobs[JOB].priority == 150


def test_one_bad_name_does_not_stop_the_others(farm, capsys):
    """-pause with an unknown job among others pauses those, names the bad one and returns 1."""
    assert main(["-pause", "nothing", JOB]) == 1
    assert farm.only("JobInterface.Pause").job.name == JOB
    assert "there is no job 'nothing', pending or finished; `cueadmin -lj`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-lj", "-ls"], "one command at a time, not -lj and -ls"),
        (["-force"], "nothing to do"),
        (["-size", "demo", "general", "many"], "not a number of cores"),
        (["-priority", JOB, "high"], "not a priority"),
        (["-lh", "-state", "sleeping"], "invalid hardware state: sleeping"),
        (["-thread", "some", "-host", "render01"], "invalid thread mode: some"),
        (["-lock"], "-hostmatch"),
        (["-lp", "-memory", "lots"], "not a range"),
        (["-booking", "demo", "maybe"], "neither on nor off"),
        (["-explain", "a", "b", "c", "d"], "-explain takes JOB [LAYER] [FRAME]"),
        (["-rename-alloc", "general", "cloud.general"], "stays in its facility"),
        (["-unknown"], "-unknown"),
    ],
)
def test_a_senseless_line_is_a_usage_error(farm, capsys, arguments, words):
    """What cannot be meant ends with status 2, words about it, and no change."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
    assert farm.changes() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-lb", "nothing"], "no valid shows"),
        (["-delete-sub", "demo", "desktop"], "-create-sub demo desktop"),
        (["-tag-alloc", "nothing", "x"], "allocation 'nothing' does not exist in any facility"),
        (["-retry-frames", JOB, "nothing", "1"], "has no layer 'nothing'; it has beauty, asset_prep"),
        (["-lock", "-host", "nothing"], "no valid hosts"),
        (["-enable-show", "nothing"], "-create-show nothing"),
    ],
)
def test_a_failure_names_the_thing_and_the_remedy(farm, capsys, arguments, words):
    """What cannot be done ends with status 1, also in the upstream format, and says how to go on."""
    assert main(["-force", *arguments]) == 1
    assert words in capsys.readouterr().err
    assert main(["-force", "--format", "upstream", *arguments]) == 1


def test_an_ambiguous_allocation_lists_the_candidates(farm, capsys):
    """A name that fits in two facilities is not guessed."""
    farm.allocations["cloud.general"] = an_allocation("cloud.general")
    assert main(["-force", "-delete-alloc", "general"]) == 1
    assert "say which: cloud.general, local.general" in capsys.readouterr().err


def test_what_the_server_lacks_is_said(farm, capsys):
    """A command whose RPC the server does not have says so."""
    farm.not_offered = {"HostInterface.RebootWhenIdle"}
    assert main(["-force", "-safe-reboot", "render01"]) == 1
    assert "does not offer host.RebootWhenIdle yet" in capsys.readouterr().err


def test_no_server_says_where_and_how_to_start_one(monkeypatch, capsys):
    """An unreachable server is named with the ways out."""
    monkeypatch.setattr(Cuebot, "Hosts", [])
    Cuebot.closeChannel()
    assert main(["-server", "127.0.0.1:1", "-lj"]) == 1
    error = capsys.readouterr().err
    assert "127.0.0.1:1 (connection refused)" in error
    assert "cuefarm up" in error
    assert "-server HOST" in error


def test_the_server_flag_wins(farm, monkeypatch):
    """-server decides over the environment."""
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:1")
    assert main(["-server", farm.address, "-lj"]) == 0


def test_alone_it_prints_a_short_help(capsys):
    """`cueadmin` without arguments helps and returns 0."""
    assert main([]) == 0
    assert "cueadmin -explain JOB [LAYER] [FRAME]" in capsys.readouterr().out


def test_a_bad_format_in_the_environment_is_a_usage_error(monkeypatch, capsys):
    """CUEADMIN_FORMAT with another word is named."""
    monkeypatch.setenv("CUEADMIN_FORMAT", "fancy")
    with pytest.raises(SystemExit):
        main(["-lj"])
    assert "CUEADMIN_FORMAT=fancy" in capsys.readouterr().err


def an_explanation() -> farm_pb2.ExplainResponse:
    """Return an answer with one layer and two reasons."""
    tags = farm_pb2.Reason(code="TAGS", count=3, counts="hosts", text="no host has the tag gpu", remedy="Tag a host.")
    paused = farm_pb2.Reason(code="JOB_PAUSED", text="the job is paused")
    step = farm_pb2.Step(code="UNLOCK", text="unlock h1", action="host.unlock", arguments='{"host":"1"}')
    layer = farm_pb2.LayerExplanation(
        layer_name="beauty",
        waiting_frames=8,
        running_frames=2,
        summary="8 frames wait.",
        reasons=[tags, paused],
        remedies=[farm_pb2.Remedy(text="unlock h1", cost=0.5, hosts=1, frames=4, steps=[step])],
        ahead=farm_pb2.Ahead(jobs=2, frames=7, wait_s=90),
        starts_in_s=300,
    )
    return farm_pb2.ExplainResponse(job_name=JOB, summary="It waits for a host.", layers=[layer])


def test_explain_for_people(farm, capsys):
    """-explain: the sentence, then each layer with reasons and remedies."""
    farm.explanation = an_explanation()
    assert main(["-explain", JOB]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{JOB}: It waits for a host.",
        "",
        "beauty  (8 waiting, 2 running)",
        "  8 frames wait.",
        "  - no host has the tag gpu (3 hosts)",
        "    Tag a host.",
        "  - the job is paused",
        "  cheapest remedy: unlock h1 (4 frames could start)",
        "  it should start in about 5 min",
    ]


def test_explain_for_scripts(farm, capsys):
    """-explain --json: the same with codes and numbers."""
    import json

    farm.explanation = an_explanation()
    assert main(["-explain", JOB, "beauty", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["layers"][0]["reasons"][0]["code"] == "TAGS"
    layer = answer["layers"][0]
    assert layer["waiting_frames"] == 8
    assert layer["remedies"][0]["steps"][0]["arguments"] == {"host": "1"}
    assert (layer["ahead"]["jobs"], layer["ahead"]["wait_s"], layer["ahead"]["passing_priority"]) == (2, 90, None)
    assert (layer["starts_in_s"], "frame" in answer) == (300, False)
    assert farm.only("FarmInterface.Explain").layer == "beauty"


def test_explain_of_one_frame(farm, capsys):
    """-explain JOB LAYER FRAME: what that frame waits for, and its layer's remedies."""
    import json

    farm.explanation = an_explanation()
    farm.explanation.summary = "it waits"
    behind = farm_pb2.Reason(code="BEHIND", count=3, counts="frames", text="3 frames of its layer come first")
    farm.explanation.frame.MergeFrom(
        farm_pb2.FrameExplanation(frame_name="0004-beauty", number=4, state="WAITING", reasons=[behind], place=3)
    )
    assert main(["-explain", JOB, "beauty", "4"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{JOB}: it waits",
        "",
        "0004-beauty  (waiting)",
        "  - 3 frames of its layer come first",
        "  cheapest remedy: unlock h1 (4 frames could start)",
    ]
    assert farm.only("FarmInterface.Explain").frame == "4"
    assert main(["-explain", JOB, "beauty", "4", "--json"]) == 0
    frame = json.loads(capsys.readouterr().out)["frame"]
    assert (frame["state"], frame["place"], frame["starts_in_s"]) == ("WAITING", 3, None)


def test_explain_of_an_unknown_job(farm, capsys):
    """-explain of a job that is not there says so and returns 1."""
    assert main(["-explain", "nothing"]) == 1
    assert "There is no job 'nothing'." in capsys.readouterr().err


def test_a_question_that_nobody_answers_keeps_its_line(monkeypatch, capsys):
    """The error stands on a line of its own, and says that nothing is done and what to add."""
    answer(monkeypatch, "")
    assert main(["-delete-host", "render01"]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("Delete render01? [y/n] \n")
    assert err == 'Error: nothing is done: nobody answered "Delete render01?"; add -force to do it.\n'
    answer(monkeypatch, "", terminal=False)
    assert main(["-kill-all"]) == 1
    assert capsys.readouterr().err.startswith('Error: nothing is done: there is no terminal to ask "Kill ALL 1 ')
