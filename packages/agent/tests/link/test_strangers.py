"""An agent's port takes orders with the token only: every call without it, or with another one, changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable
from urllib.parse import quote

import grpc
import pytest
from agent_farm import PATIENCE_SECONDS, AgentProcess, FakeServer, eventually
from opencue_proto import rqd_pb2

MakeAgent = Callable[..., AgentProcess]

STRANGER = 23_457
CALLER = """
import json, os, sys
import grpc
from opencue_proto import rqd_pb2
address, uid, frame_id, launch, tokens = json.loads(sys.argv[1])
if uid:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
channel = grpc.insecure_channel(address)
found = {}
for method in rqd_pb2.DESCRIPTOR.services_by_name["RqdInterface"].methods:
    request = getattr(rqd_pb2, method.input_type.name)()
    if method.name == "LaunchFrame":
        request.run_frame.ParseFromString(bytes.fromhex(launch))
    for field in ("frame_id", "cores"):
        if field in request.DESCRIPTOR.fields_by_name:
            setattr(request, field, frame_id if field == "frame_id" else 100)
    call = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=lambda data: data,
    )
    for token in tokens:
        try:
            call(request, metadata=(("cuefarm-token", token),) if token is not None else (), timeout=20)
            found[f"{method.name} {token}"] = "OK"
        except grpc.RpcError as refusal:
            found[f"{method.name} {token}"] = refusal.code().name
print(json.dumps(found))
"""
"""Makes every call of an agent's port as some user, and prints what it is answered."""


@pytest.mark.parametrize("uid", [0, STRANGER])
def test_no_call_of_a_stranger_does_anything(
    server: FakeServer, make_agent: MakeAgent, tmp_path: Path, uid: int
) -> None:
    """Launch, kill, lock, shut down, look: the agent's own user is refused without its token, and so is any other."""
    if uid and os.geteuid() != 0:
        pytest.skip("only root can start a process of another user")
    agent = make_agent()
    run_id = agent.launch("sleep 60")
    eventually(lambda: server.state_of(run_id) == "running", "the frame runs")
    frame_id = next(frame.frame_id for frame in server.reports[-1].frames if frame.resource_id == run_id)
    there = tmp_path / "launched"
    launch = rqd_pb2.RunFrame(
        resource_id="stranger", frame_id="f", command=f"touch {there}", num_cores=1, log_dir=str(tmp_path), uid=uid or 1
    )
    address = server.boots[-1].host.attributes["cuefarm.address"]
    tokens = [None, "", "another", "the-token-of-this-installatio"]
    given = json.dumps([address, uid, frame_id, launch.SerializeToString().hex(), tokens])
    calls = subprocess.run(
        [sys.executable, "-c", CALLER, given], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert calls.returncode == 0, calls.stderr
    answers = json.loads(calls.stdout)
    assert len(answers) == len(tokens) * len(rqd_pb2.DESCRIPTOR.services_by_name["RqdInterface"].methods) > 60
    assert set(answers.values()) == {"UNAUTHENTICATED"}, answers
    report = server.next_report()
    assert report.host.state == 0  # UP
    assert (report.core_info.locked_cores, report.core_info.idle_cores) == (0, 700)
    assert server.state_of(run_id) == "running"
    assert not there.exists()
    assert agent.process.poll() is None


def test_the_server_is_told_who_calls_before_anything_else(server: FakeServer, make_agent: MakeAgent) -> None:
    """Each call carries the host's name in ASCII, so that a server which refuses the token can say whose it was."""
    name = "bühne 7%.farm"
    agent = make_agent("--name", name)
    server.outcome(agent.launch("true"))
    assert server.host_names == {quote(name, safe="")} == {"b%C3%BChne%207%25.farm"}


def test_an_agent_with_a_wrong_token_goes_on_slowly(server: FakeServer, make_agent: MakeAgent) -> None:
    """It asks ever more seldom, says why once, and is in contact soon after the token was mended."""
    agent = make_agent()
    server.refuse_reports_with = grpc.StatusCode.UNAUTHENTICATED
    server.refuse_reports = True
    eventually(lambda: server.refused_reports, "a report that is refused")
    time.sleep(6)
    assert server.refused_reports <= 5
    assert agent.process.poll() is None
    said = [line for line in agent.stderr_path.read_text().splitlines() if "report refused" in line]
    assert len(said) == 1
    assert "UNAUTHENTICATED" in said[0]
    before = len(server.reports)
    server.refuse_reports = False
    eventually(lambda: len(server.reports) > before, "a report that is taken")
