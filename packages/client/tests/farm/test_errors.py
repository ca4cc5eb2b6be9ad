"""How a failed call looks to a script."""

from __future__ import annotations

import subprocess
import sys
import time

import grpc
import pytest
from builders import a_frame, a_host, a_job
from opencue_proto import job_pb2
from opencue_proto.cue_pb2 import CueGetSystemStatsRequest
from opencue_proto.cue_pb2_grpc import CueInterfaceStub

import opencue
from opencue import exception
from opencue.wrappers.frame import Frame
from opencue.wrappers.host import Host
from opencue.wrappers.job import Job


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (grpc.StatusCode.NOT_FOUND, exception.EntityNotFoundException, "Object does not exist."),
        (grpc.StatusCode.ALREADY_EXISTS, exception.EntityAlreadyExistsException, "Object already exists."),
        (grpc.StatusCode.INTERNAL, exception.CueInternalErrorException, "Server caught an internal exception."),
        (grpc.StatusCode.CANCELLED, exception.CancelledException, "RPC call was cancelled."),
        (grpc.StatusCode.UNKNOWN, exception.CueException, "Encountered a server error. UNKNOWN : told to fail"),
    ],
)
def test_each_status_has_its_exception(farm, status, kind, words):
    """A status becomes the exception of its kind, with the server's words in it."""
    opencue.api.getSystemStats()
    farm.failures = [status]
    with pytest.raises(kind) as caught:
        opencue.api.getJobs()
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "told to fail" in str(caught.value)


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"])
def test_a_refusal_is_no_server_error(farm, status):
    """What the server refuses is told in the server's words alone."""
    opencue.api.getSystemStats()
    farm.failures = [grpc.StatusCode[status]]
    with pytest.raises(exception.RefusedException) as caught:
        opencue.api.getJobs()
    assert str(caught.value) == "told to fail"


def test_a_server_that_says_that_it_cannot_is_not_called_away(farm, monkeypatch):
    """UNAVAILABLE with words of the server's own is no advice to look for another server."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    opencue.api.getSystemStats()
    farm.failures = [grpc.StatusCode.UNAVAILABLE] * 4
    with pytest.raises(exception.ServerUnavailableException) as caught:
        opencue.api.getJobs()
    assert str(caught.value) == f"The server at {farm.address} answers: told to fail."
    assert farm.failures == []


def test_unavailable_without_a_servers_mark_is_nobodys_answer(farm, monkeypatch):
    """A proxy says UNAVAILABLE for a server that is away: the message names the address and what to do."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    opencue.api.getSystemStats()
    farm.says_that_it_answers = False
    farm.failures = [grpc.StatusCode.UNAVAILABLE] * 13
    with pytest.raises(exception.ConnectionException) as caught:
        opencue.api.getJobs()
    assert not isinstance(caught.value, exception.ServerUnavailableException)
    assert str(caught.value).startswith(f"No server answers at {farm.address} ")
    assert "cuefarm up" in str(caught.value)


def test_a_change_that_lost_its_server_may_have_been_done(farm, monkeypatch):
    """Where nobody knows, it is said; a call that only asks has nothing to look after."""
    monkeypatch.setattr("opencue.retrying.ExponentialBackoff.sleep", lambda self, attempt: None)
    opencue.api.getSystemStats()

    def vanish(request, context):
        farm._server.stop(grace=None)
        time.sleep(0.2)

    farm.JobInterface_Pause = farm.JobInterface_GetJobs = vanish
    with pytest.raises(exception.ConnectionException, match="It may have been done all the same"):
        Job(a_job()).pause()
    farm.start(farm.port)
    opencue.Cuebot.resetChannel()
    with pytest.raises(exception.ConnectionException) as caught:
        opencue.api.getJobs()
    assert "may have been done" not in str(caught.value)


def test_a_new_connection_knows_nothing_of_the_failures_of_an_old_one(farm):
    """gRPC would share them, and refuse a server that is back because another connection found none a moment ago."""
    opencue.api.getSystemStats()
    old = opencue.Cuebot._openChannel(farm.address)
    ask = CueInterfaceStub(old).GetSystemStats
    farm.stop()
    for _ in range(5):
        with pytest.raises(grpc.RpcError):
            ask(CueGetSystemStatsRequest(), timeout=5)
        time.sleep(0.2)
    farm.start(farm.port)
    opencue.Cuebot.resetChannel()
    opencue.api.getSystemStats()
    old.close()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2"),
        (grpc.StatusCode.UNKNOWN, "Stream removed"),
        (grpc.StatusCode.CANCELLED, "Received RST_STREAM with error code 8"),
        (grpc.StatusCode.CANCELLED, "CANCELLED"),
    ],
)
def test_a_connection_that_ends_under_a_call_is_told_alike_whatever_its_status(farm, status, words):
    """gRPC has several words for it; the call is tried again, and comes through once the server is there."""
    opencue.api.getSystemStats()
    told = []

    def fail(request, context):
        told.append(1)
        if len(told) < 3:
            context.abort(status, words)
        return job_pb2.JobGetJobsResponse()

    farm.JobInterface_GetJobs = fail
    assert opencue.api.getJobs() == []
    assert len(told) == 3


def test_a_server_that_goes_away_is_told_without_grpc(farm, monkeypatch, caplog):
    """Neither the exception nor what is logged on the way shows the inside of gRPC; the remedy stands there once."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    opencue.api.getSystemStats()
    farm.stop()
    with pytest.raises(exception.ConnectionException) as caught:
        opencue.api.getJobs()
    assert str(caught.value).count("cuefarm up") == 1
    assert farm.address in str(caught.value)
    assert "ipv4" not in str(caught.value) + caplog.text
    assert caplog.text.count("trying again") == 1


def test_an_error_that_nobody_catches_is_short(farm):
    """A script that does not catch prints its own line, ours, and the words: no second traceback of gRPC's."""
    script = f"import opencue\nopencue.Cuebot.setHosts('{farm.address}')\nopencue.api.findJob('nothing')\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    lines = done.stderr.splitlines()
    assert lines[-1] == "opencue.exception.EntityNotFoundException: Object does not exist. There is no job 'nothing'."
    assert done.stderr.count("Traceback") == 1
    assert len(lines) < 14


def test_a_script_that_catches_grpc_errors_goes_on_working(farm):
    """What a wrapper method raises is a CueException and a grpc.RpcError with code and details."""
    opencue.api.getSystemStats()
    farm.failures = [grpc.StatusCode.NOT_FOUND]
    with pytest.raises(grpc.RpcError) as caught:
        Job(a_job()).pause()
    assert isinstance(caught.value, opencue.CueException)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "told to fail"


def test_what_the_server_lacks_is_named(farm):
    """An RPC that the server does not have raises in words, not with a bare status."""
    farm.not_offered = {"JobInterface.AddSubscriber"}
    with pytest.raises(exception.NotOfferedException, match=r"does not offer job\.AddSubscriber yet") as caught:
        Job(a_job()).addSubscriber("ann@example.com")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_what_a_server_of_ours_does_not_do_is_told_in_its_words(farm):
    """The server's reason is passed on, without the name of the method in front."""
    opencue.api.getSystemStats()

    def refuse(request, context):
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "HostInterface.Reboot: this server does not reboot hosts")

    farm.HostInterface_Reboot = refuse
    with pytest.raises(exception.NotOfferedException) as caught:
        Host(a_host()).reboot()
    assert str(caught.value) == "This server does not offer host.Reboot yet. This server does not reboot hosts"


def test_a_missing_service_is_none(farm):
    """getService answers None for a name without a record."""
    assert opencue.api.getService("nothing") is None


def test_the_parser_translates_plain_grpc_errors():
    """A function wrapped by the exception parser raises CueExceptions."""

    class Refused(grpc.RpcError):
        def code(self):
            return grpc.StatusCode.NOT_FOUND

        def details(self):
            return "no such thing"

    @opencue.util.grpcExceptionParser
    def ask():
        raise Refused

    with pytest.raises(opencue.EntityNotFoundException, match="no such thing"):
        ask()


def test_a_frame_is_killed_only_while_it_runs(farm):
    """Killing a frame that does not run sends nothing, as does retrying one that waits."""
    frame = Frame(a_frame())
    frame.kill()
    frame.retry()
    assert farm.changes() == []


def test_an_action_returns_how_many_it_changed(farm):
    """0 is nothing, and None that the server does not say, as OpenCue's does not."""
    job = Job(a_job())
    farm.changed["JobInterface.EatFrames"] = 7
    assert (job.pause(), job.eatFrames(state=[]), job.name()) == (1, 7, job.name())
    farm.changed["JobInterface.Pause"] = 0
    assert job.pause() == 0
    farm.says_what_changed = False
    assert job.eatFrames(state=[]) is None


def test_a_frame_that_is_not_asked_for_is_no_change(farm):
    """What a snapshot rules out is counted as nothing, without a call."""
    frame = Frame(a_frame())
    assert (frame.kill(), frame.retry()) == (0, 0)
