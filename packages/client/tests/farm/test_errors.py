"""How a failed call looks to a script."""

from __future__ import annotations

import grpc
import pytest
from builders import a_frame, a_job

import opencue
from opencue import exception
from opencue.wrappers.frame import Frame
from opencue.wrappers.job import Job


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (grpc.StatusCode.NOT_FOUND, exception.EntityNotFoundException, "Object does not exist."),
        (grpc.StatusCode.ALREADY_EXISTS, exception.EntityAlreadyExistsException, "Object already exists."),
        (grpc.StatusCode.INTERNAL, exception.CueInternalErrorException, "Server caught an internal exception."),
        (grpc.StatusCode.CANCELLED, exception.CancelledException, "RPC call was cancelled."),
        (grpc.StatusCode.FAILED_PRECONDITION, exception.CueException, "FAILED_PRECONDITION : told to fail"),
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


def test_the_api_says_what_it_lacks():
    """A public name without a server behind it is absent, and asking for it says why."""
    with pytest.raises(AttributeError, match="does not offer departments yet"):
        opencue.api.getDepartmentNames()
    assert not hasattr(opencue.api, "findFilter")


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
