"""What wrappers read from a snapshot and what they send."""

from __future__ import annotations

import getpass
import os
import pwd

import pytest
from builders import GB, a_dead_frame, a_depend, a_frame, a_host, a_job, a_layer, a_show, a_subscription, an_allocation
from fake_farm import NOW
from opencue_proto import host_pb2, job_pb2, limit_pb2, service_pb2

import opencue
from opencue.caller import uidOf
from opencue.units import Megabytes
from opencue.wrappers.allocation import Allocation
from opencue.wrappers.depend import Depend
from opencue.wrappers.frame import Frame
from opencue.wrappers.host import Host
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer
from opencue.wrappers.limit import Limit
from opencue.wrappers.service import Service
from opencue.wrappers.show import Show
from opencue.wrappers.subscription import Subscription


def test_getters_have_names_and_docstrings():
    """A declared getter is an ordinary documented method."""
    assert Job.priority.__name__ == "priority"
    assert Job.priority.__qualname__ == "Job.priority"
    assert Job.priority.__doc__ == "The higher number goes first."


@pytest.mark.parametrize("wrapper", [Job, Layer, Frame, Host, Show, Allocation, Subscription, Service, Depend])
def test_every_getter_reads_an_empty_message(wrapper):
    """No getter asks for a field that its message does not have."""
    entity = wrapper()
    names = [name for name, value in vars(wrapper).items() if getattr(value, "__module__", "").endswith("entity")]
    assert names
    for name in names:
        getattr(entity, name)()


def test_a_wrapper_connects_to_nothing_until_it_calls(monkeypatch):
    """Reading a snapshot needs no server."""
    monkeypatch.setattr(opencue.Cuebot, "getStub", lambda name: pytest.fail("connected"))
    assert Job(a_job()).name() == "demo-sh010-ann_comp"


def test_a_kill_says_who_from_where(farm):
    """Killing a job sends the user and process that did it."""
    Job(a_job()).kill(reason="wrong camera")
    request = farm.only("JobInterface.Kill")
    assert (request.username, request.pid, request.reason) == (getpass.getuser(), str(os.getpid()), "wrong camera")
    assert request.host_kill


def test_job_cores_are_cores_and_layer_cores_are_points(farm):
    """Job.setMinCores takes cores, Layer.setMinCores takes hundredths; both arrive as cores."""
    Job(a_job()).setMinCores(1.5)
    Layer(a_layer()).setMinCores(150)
    assert farm.only("JobInterface.SetMinCores").val == 1.5
    assert farm.only("LayerInterface.SetMinCores").cores == 1.5


def test_subscriptions_are_created_in_cores_and_sized_in_points(farm):
    """createSubscription sends cores as they are; setSize sends points as they are and refuses fractions."""
    Show(a_show()).createSubscription(Allocation(an_allocation()), 10.5, 20)
    subscription = Subscription(a_subscription())
    subscription.setSize(1050)
    request = farm.only("ShowInterface.CreateSubscription")
    assert (request.size, request.burst) == (10.5, 20)
    assert farm.only("SubscriptionInterface.SetSize").new_size == 1050
    with pytest.raises(AssertionError, match="whole points"):
        subscription.setBurst(10.5)


def test_memory_in_megabytes_goes_back_in_kilobytes(farm):
    """minimumMemory is in MB, keeps its unit through arithmetic, and setMinMemory converts it."""
    layer = Layer(a_layer(min_memory=2 * GB))
    assert layer.minimumMemory() == 2048
    layer.setMinMemory(layer.minimumMemory() * 1.5)
    assert farm.only("LayerInterface.SetMinMemory").memory == 3 * GB


def test_a_plain_number_of_memory_is_kilobytes_rounded_up(farm):
    """setMinMemory takes a float and rounds it up to whole KB."""
    Layer(a_layer()).setMinMemory(1000.2)
    assert farm.only("LayerInterface.SetMinMemory").memory == 1001


@pytest.mark.parametrize(
    "amount",
    [
        Megabytes(100) * 2,
        2 * Megabytes(100),
        Megabytes(100) + 100,
        100 + Megabytes(100),
        Megabytes(300) - 100,
        300 - Megabytes(100),
        Megabytes(400) / 2,
        max(Megabytes(200), Megabytes(1)),
    ],
)
def test_megabytes_stay_megabytes(amount):
    """Arithmetic with plain numbers keeps the unit."""
    assert type(amount) is Megabytes
    assert amount == 200


def test_a_ratio_of_amounts_is_a_plain_number():
    """Megabytes by megabytes has no unit."""
    assert type(Megabytes(100) / Megabytes(50)) is float


def test_what_a_dead_frame_tells():
    """Host, cores, memory in MB and tries of a frame that failed."""
    frame = Frame(a_dead_frame(12))
    assert frame.lastResource() == "render01"
    assert frame.resource() == "render01/2.00/0"
    assert frame.usedCores() == 2.0
    assert frame.usedMemory() == 3 * 1024
    assert frame.reservedMemory() == 4 * 1024
    assert frame.retryCount() == frame.retries() == 2
    assert frame.runTime() == 90
    assert frame.name() == "0012-beauty"


def test_what_a_frame_tells_that_never_ran():
    """Empty host, no cores, no memory, no time."""
    frame = Frame(a_frame())
    assert (frame.lastResource(), frame.usedCores(), frame.usedMemory(), frame.runTime()) == ("", 0.0, 0, 0)


def test_a_running_frame_tells_its_present_memory():
    """usedMemory of a running frame is what it uses now, not its peak."""
    frame = Frame(a_frame(state=job_pb2.RUNNING, used_memory=GB, max_rss=2 * GB))
    assert frame.usedMemory() == 1024


def test_no_argument_getframes_returns_every_page(farm):
    """2,500 frames come whole, in three requests."""
    farm.frames["j"] = [a_frame(number) for number in range(2500)]
    frames = Job(a_job("j")).getFrames()
    assert [frame.number() for frame in frames] == list(range(2500))
    asked = [call.request.req.page for call in farm.calls if call.name == "JobInterface.GetFrames"]
    assert asked == [1, 2, 3]


@pytest.mark.parametrize("count", [0, 999, 1000, 1001])
def test_paging_stops_where_the_frames_do(farm, count):
    """A number of frames at the edge of a page loses and doubles none."""
    farm.frames["j"] = [a_frame(number) for number in range(count)]
    assert len(opencue.api.getFrames("j")) == count
    assert len(Layer(a_layer()).getFrames()) == count


def test_more_frames_than_a_page_has_come_in_pages(farm):
    """A limit above a page's is kept, whether there are more frames or fewer."""
    farm.frames["j"] = [a_frame(number) for number in range(2_500)]
    for limit, count in ((1_000, 1_000), (1_001, 1_001), (2_000, 2_000), (5_000, 2_500)):
        assert [frame.number() for frame in opencue.api.getFrames("j", limit=limit)] == list(range(count))


def test_a_page_that_is_asked_for_is_one_request(farm):
    """With page and limit only that page comes."""
    farm.frames["j"] = [a_frame(number) for number in range(50)]
    frames = Job(a_job("j")).getFrames(page=2, limit=20)
    assert [frame.number() for frame in frames] == list(range(20, 40))


def test_the_dependent_side_is_known_by_name(farm):
    """dependentJob and dependentLayer give names without a call, and fetch the rest when it is asked."""
    farm.jobs["demo-sh010-ann_comp"] = a_job(priority=77)
    depend = Depend(a_depend())
    assert depend.dependentJob().name() == "demo-sh010-ann_comp"
    assert depend.dependentLayer().name() == "comp"
    assert farm.calls == []
    assert depend.dependentJob().priority() == 77


def test_a_job_depend_has_a_nameless_layer():
    """dependentLayer of a dependency between jobs has an empty name."""
    assert Depend(a_depend(depend_er_layer="")).dependentLayer().name() == ""


def test_one_comment_text_becomes_message_and_subject(farm):
    """A single text is the message, its start the subject; two texts stay what they are."""
    job = Job(a_job())
    job.addComment("Transferred to bob because ann is on holiday this week")
    comment = farm.only("JobInterface.AddComment").new_comment
    assert comment.message == "Transferred to bob because ann is on holiday this week"
    assert comment.subject == "Transferred to bob because ann is on..."
    farm.calls.clear()
    job.addComment("Subject", "Message")
    comment = farm.only("JobInterface.AddComment").new_comment
    assert (comment.subject, comment.message) == ("Subject", "Message")


def test_submission_time_under_all_its_names():
    """startTime, dateSubmitted and date_submitted are the same moment; a format gives text."""
    job = Job(a_job())
    assert job.date_submitted() == job.dateSubmitted() == job.startTime() == NOW
    assert job.startTime("%Y-%m-%d") == "2023-11-14"


def test_a_layer_is_found_by_the_name_that_was_submitted(farm):
    """`asset-prep` finds the layer that the server keeps as `asset_prep`."""
    farm.layers["demo-sh010-ann_comp"] = [a_layer("asset_prep")]
    assert Job(a_job()).getLayer("asset-prep").name() == "asset_prep"
    assert opencue.api.findLayer("demo-sh010-ann_comp", "Asset-Prep").name() == "asset_prep"


def test_a_missing_layer_is_not_found(farm):
    """A name that fits no layer raises."""
    with pytest.raises(opencue.EntityNotFoundException):
        Job(a_job()).getLayer("nothing")


def test_host_arithmetic():
    """Reserved and used amounts are differences of what the host reports."""
    host = Host(a_host())
    assert host.coresReserved() == 4
    assert host.memReserved() == 16 * GB
    assert host.memUsed() == 12 * GB
    assert host.isUp()
    assert not host.isLocked()


def test_locking_a_host_updates_its_snapshot(farm):
    """lock and unlock send and remember."""
    host = Host(a_host())
    host.lock()
    assert host.isLocked()
    host.unlock()
    assert host.lockState() == host_pb2.OPEN
    assert [call.name for call in farm.changes()] == ["HostInterface.Lock", "HostInterface.Unlock"]


def test_a_service_needs_a_memory_increase():
    """A service that would not grow after a memory failure is refused before it is sent."""
    with pytest.raises(ValueError, match="memory increase"):
        opencue.api.createService(service_pb2.Service(name="maya"))


def test_service_setters_change_the_snapshot_and_update_sends_it(farm):
    """Nothing leaves until update."""
    service = Service(service_pb2.Service(name="maya", min_memory_increase=GB))
    service.setMinCores(200)
    service.setTags(["general", "gpu"])
    assert farm.changes() == []
    service.update()
    sent = farm.only("ServiceInterface.Update").service
    assert (sent.min_cores, list(sent.tags)) == (200, ["general", "gpu"])


def test_an_explanation_comes_as_the_servers_message(farm):
    """api.explain returns the cuefarm.v1 message."""
    farm.jobs["j"] = a_job("j")
    farm.explanation.summary = "All hosts are busy."
    assert opencue.api.explain("j", "beauty").summary == "All hosts are busy."
    assert farm.only("FarmInterface.Explain").layer == "beauty"


def test_one_frame_is_explained_by_its_number(farm):
    """api.explain takes a frame's number as a number, 0 too."""
    farm.jobs["j"] = a_job("j")
    opencue.api.explain("j", "beauty", 0)
    assert farm.only("FarmInterface.Explain").frame == "0"


def test_log_paths():
    """A job's folder, and a frame's file in it."""
    job = Job(a_job())
    assert opencue.util.logPath(job) == job.logDir()
    assert opencue.util.logPath(job, Frame(a_frame(7))) == f"{job.logDir()}/{job.name()}.0007-beauty.rqlog"


def test_a_limit_is_made_with_its_type(farm):
    """createLimit sends name, maximum and type, with the defaults of a limit that is simply enforced."""
    opencue.api.createLimit("nuke", 20, Limit.LimitType.HOST)
    sent = farm.only("LimitInterface.Create")
    assert (sent.name, sent.max_value, sent.type, sent.enforcement, sent.soft_value) == ("nuke", 20, 1, 0, -1)


def test_a_changed_limit_is_read_again(farm):
    """setMaxValue names the limit by its name, and fetches by its id what the server has then."""
    limit = Limit(limit_pb2.Limit(id="1", name="nuke", max_value=20))
    assert (limit.name(), limit.maxValue(), limit.limitType().name) == ("nuke", 20, "FRAME")
    limit.setMaxValue(25)
    sent = farm.only("LimitInterface.SetMaxValue")
    assert (sent.name, sent.max_value, farm.only("LimitInterface.Get").id) == ("nuke", 25, "1")


def test_a_frame_says_what_it_looks_like(farm):
    """A state, a text and a colour go out; of a frame that has one it is read, of another it is None."""
    frame = Frame(job_pb2.Frame(id="f1"))
    assert (frame.hasFrameStateDisplayOverride(), frame.frameStateDisplayOverride()) == (False, None)
    frame.setFrameStateDisplayOverride(job_pb2.RUNNING, "baking", (200, 10, 0))
    override = farm.only("FrameInterface.SetFrameStateDisplayOverride").override
    assert (override.state, override.text, override.color.red, override.color.green) == (2, "baking", 200, 10)
    frame.data.frame_state_display_override.CopyFrom(override)
    assert frame.frameStateDisplayOverride().text == "baking"


def test_frames_are_held_again_and_staggered(farm):
    """Each is one call with what it is about."""
    Frame(job_pb2.Frame(id="f1")).markAsDepend()
    assert farm.only("FrameInterface.MarkAsDepend").frame.id == "f1"
    Job(job_pb2.Job(id="j1")).staggerFrames("1-10", 3)
    request = farm.only("JobInterface.StaggerFrames")
    assert (request.job.id, request.range, request.stagger) == ("j1", "1-10", 3)


@pytest.mark.parametrize(
    ("rpc", "ask"),
    [
        ("SetJobOwner", lambda: Job(a_job()).setOwner("bob")),
        ("SetJobTimeLimit", lambda: Job(a_job()).setTimeLimit(5)),
        ("GetJobSettings", lambda: Job(a_job()).getSettings()),
        ("SetLayerMaxRetries", lambda: Layer(a_layer("beauty")).setMaxRetries(3)),
        ("AddDepend", lambda: Layer(a_layer("a")).createDependencyOnLayer(Layer(a_layer("b")), on_failure=True)),
    ],
)
def test_what_only_a_cuefarm_can_is_told_on_other_servers(farm, rpc, ask):
    """The error names the call that the server does not have, and nothing is changed."""
    farm.not_offered = {f"FarmInterface.{rpc}"}
    with pytest.raises(opencue.exception.NotOfferedException, match=f"farm.{rpc}"):
        ask()
    assert farm.changes() == []


def test_the_number_of_a_user_is_that_of_his_account(farm):
    """It goes along where this machine knows it; root's does not, nor one of nobody's."""
    Job(a_job()).setOwner(getpass.getuser())
    request = farm.only("FarmInterface.SetJobOwner")
    expected = pwd.getpwnam(getpass.getuser()).pw_uid
    assert (request.HasField("uid"), request.uid) == (bool(expected), expected)
    assert uidOf("root") is None
    assert uidOf("nobody_of_this_machine") is None
    assert uidOf(pwd.getpwall()[1].pw_name) == pwd.getpwall()[1].pw_uid
