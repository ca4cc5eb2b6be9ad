"""The interface as a whole: every RPC is either done or refused with a reason."""

from __future__ import annotations

import inspect
from typing import Any

import grpc
import grpc.aio
import pytest
from opencue_proto import rqd_pb2, rqd_pb2_grpc

from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.wire.agents.streams import AgentStreams
from cuebot.wire.not_offered import NOT_OFFERED
from cuebot.wire.server import offered_services, service_descriptors

OFFERED = offered_services(streams=AgentStreams(), bounds=DEFAULT_BOUNDS, allow_root=False)


def rpcs(implementation: Any) -> set[str]:
    """Return the names of an implementation's RPCs: they are the ones in capitals."""
    return {name for name in dir(implementation) if name[0].isupper()}


def test_the_published_interface_has_28_services_and_315_rpcs() -> None:
    """The number of services and RPCs is that of the release that this server depends on."""
    published = [s for s in service_descriptors() if not s.full_name.startswith("cuefarm.")]
    assert (len(published), sum(len(service.methods) for service in published)) == (28, 315)


def test_every_rpc_is_offered_or_refused_with_a_reason_and_none_is_both() -> None:
    """The services and the table of what is not offered are the whole interface, and nothing else."""
    for service in service_descriptors():
        offered = rpcs(OFFERED.get(service.full_name)) if service.full_name in OFFERED else set()
        refused = set(NOT_OFFERED.get(service.full_name, {}))
        assert not offered & refused, service.full_name
        assert offered | refused == {method.name for method in service.methods}, service.full_name
    known = {service.full_name for service in service_descriptors()}
    assert set(OFFERED) | set(NOT_OFFERED) == known


def test_every_method_says_which_message_it_takes() -> None:
    """With a type in its signature, that of its RPC: so that a field which is not in it is found before it runs."""
    untyped = []
    for service in service_descriptors():
        for method in service.methods:
            implemented = getattr(OFFERED.get(service.full_name), method.name, None)
            if implemented is None or method.client_streaming:
                continue
            parameters = list(inspect.signature(implemented).parameters.values())
            if str(parameters[0].annotation).rpartition(".")[2] != method.input_type.name:
                untyped.append(f"{service.name}.{method.name}: {parameters[0].annotation}")
    assert not untyped


def test_every_reason_is_a_sentence() -> None:
    """A caller is told why, in words."""
    for reasons in NOT_OFFERED.values():
        assert all(len(reason.split()) >= 4 for reason in reasons.values())


async def test_what_is_not_offered_says_so_with_its_reason(site: Any) -> None:
    """UNIMPLEMENTED, with the RPC's name and the reason, also for whole services."""
    agent = rqd_pb2_grpc.RqdInterfaceStub(site.channel)
    code, words = await site.refused(agent.LockAll(rqd_pb2.RqdStaticLockAllRequest()))
    assert code == "UNIMPLEMENTED"
    assert words.startswith("RqdInterface.LockAll: agents answer this")


async def test_every_rpc_answers_an_empty_request_with_a_status_of_its_own(site: Any) -> None:
    """No RPC fails inside the server when nothing is filled in: it answers, or refuses for a reason."""
    failed = []
    for service in service_descriptors():
        for method in service.methods:
            call = site.channel.unary_unary(f"/{service.full_name}/{method.name}")
            try:
                await call(b"", metadata=(("cuefarm-token", "the token of this installation"),), timeout=5)
            except grpc.aio.AioRpcError as error:
                if error.code().name in ("INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "UNAVAILABLE"):
                    failed.append((service.full_name, method.name, error.details()))
    assert not failed


@pytest.mark.parametrize(
    "garbage", [b"\xff\xff\xff\xff", b"\x0a\xff", b"\x0a\x7fshort"], ids=["noise", "length", "cut"]
)
async def test_every_rpc_answers_a_message_that_cannot_be_read_as_invalid(site: Any, garbage: bytes) -> None:
    """Bytes that are no message of its kind are the caller's fault, whatever they are sent to."""
    wrong = []
    for service in service_descriptors():
        for method in service.methods:
            if method.client_streaming or method.name in NOT_OFFERED.get(service.full_name, {}):
                continue
            call = site.channel.unary_unary(f"/{service.full_name}/{method.name}")
            try:
                await call(garbage, metadata=(("cuefarm-token", "the token of this installation"),), timeout=5)
                wrong.append((service.full_name, method.name, "answered"))
            except grpc.aio.AioRpcError as error:
                if error.code().name != "INVALID_ARGUMENT" or "cannot be read" not in (error.details() or ""):
                    wrong.append((service.full_name, method.name, error.code().name))
    assert not wrong
