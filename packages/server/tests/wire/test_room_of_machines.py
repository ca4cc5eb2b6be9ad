"""How many orders are under way to a machine at a time, and what becomes of those that wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from opencue_proto import rqd_pb2, rqd_pb2_grpc

from cuebot.engine.ports import Answer
from cuebot.engine.requests import Address, KillRequest
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.agents.link import ROOM_AT_FIRST, ROOM_AT_LEAST, ROOM_AT_MOST, Room

DEADLINE_SECONDS = 2.0


class SlowAgent(rqd_pb2_grpc.RqdInterfaceServicer):
    """Takes one kill at a time, each in `takes_s`; those of the frame "hang" never."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.under_way = self.most_under_way = 0
        self._one = asyncio.Lock()

    async def KillRunningFrame(self, request: Any, context: Any) -> Any:
        """Answer when it is this one's turn."""
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if request.frame_id == "hang":
                await asyncio.sleep(60)
            async with self._one:
                await asyncio.sleep(self.takes_s)
        finally:
            self.under_way -= 1
        return rqd_pb2.RqdStaticKillRunningFrameResponse()


class Asked:
    """Agents to be told, and what came of it."""

    def __init__(self, agent: SlowAgent, ports: list[int]) -> None:
        self.agent, self._ports = agent, ports
        self.agents = GrpcAgents(token=None, now_us=lambda: 0, deadline_s=DEADLINE_SECONDS)
        self.answers: Counter[Answer] = Counter()

    def kill(self, frame_id: str, at: int, count: int = 1) -> None:
        """Tell the agent at one of its addresses, all of which are on one machine."""
        target = f"127.0.0.1:{self._ports[at]}"
        address = Address(f"host{at}", f"host{at}", target, ours=False, machine="127.0.0.1")
        orders = [KillRequest(f"run{n}", frame_id, "no reason") for n in range(count)]
        self.agents.kill(address, orders, lambda run, answer, detail: self.answers.update([answer]))

    async def until(self, count: int) -> None:
        """Wait for so many answers."""
        async with asyncio.timeout(20):
            while self.answers.total() < count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """A machine whose agent answers at twenty addresses."""
    agent = SlowAgent()
    server = grpc.aio.server()
    rqd_pb2_grpc.add_RqdInterfaceServicer_to_server(agent, server)
    ports = [server.add_insecure_port("127.0.0.1:0") for _ in range(20)]
    await server.start()
    asked = Asked(agent, ports)
    yield asked
    await asked.agents.close()
    await server.stop(None)


async def test_no_order_spends_its_deadline_in_our_queue(asked: Asked) -> None:
    """What is for many hosts of one machine takes three times the deadline, and all of it is done."""
    asked.agent.takes_s = 0.03
    for at in range(20):
        asked.kill("frame", at, count=10)
    await asked.until(200)
    assert asked.answers == {Answer.ACCEPTED: 200}


async def test_a_machine_that_answers_at_once_is_given_more_at_a_time(asked: Asked) -> None:
    """It begins with a few."""
    asked.agent.takes_s = 0.005
    asked.kill("frame", 0, count=200)
    await asked.until(200)
    assert asked.answers == {Answer.ACCEPTED: 200}
    assert ROOM_AT_FIRST < asked.agent.most_under_way <= ROOM_AT_MOST


async def test_an_agent_that_hangs_does_not_hold_up_others_of_its_machine(asked: Asked) -> None:
    """Its orders take all the room there is, until they are late: a quarter of the deadline."""
    asked.kill("hang", 0, count=ROOM_AT_FIRST)
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    asked.kill("frame", 1, count=20)
    await asked.until(20)
    assert asked.answers == {Answer.ACCEPTED: 20}
    assert asyncio.get_running_loop().time() - began < DEADLINE_SECONDS


async def test_what_waits_for_an_agent_that_hangs_is_not_sent(asked: Asked) -> None:
    """The first that run into their deadline speak for the others; these certainly did not happen."""
    asked.kill("hang", 0, count=100)
    await asked.until(100)
    assert set(asked.answers) == {Answer.UNKNOWN, Answer.NOT_TAKEN_IN}
    assert asked.answers[Answer.NOT_TAKEN_IN] > 50


async def test_one_order_that_hangs_does_not_speak_for_an_agent_that_answers_others(asked: Asked) -> None:
    """What waits is sent all the same."""
    asked.agent.takes_s = 0.05
    asked.kill("hang", 0)
    asked.kill("frame", 0, count=60)
    await asked.until(61)
    assert asked.answers == {Answer.ACCEPTED: 60, Answer.UNKNOWN: 1}


async def test_late_answers_halve_the_room_once_a_round() -> None:
    """Those that were under way together were late for one reason."""
    room = Room(deadline_s=10.0)
    sent_s = 100.0
    for _ in range(ROOM_AT_FIRST):
        room.take().leave()
    full = room.size
    for _ in range(3):
        room.take()
    for _ in range(3):
        room.is_late(sent_s, now_s=103.0)
    assert room.size == full // 2
    room.take()
    room.is_late(103.5, now_s=106.0)
    assert room.size == max(full // 4, ROOM_AT_LEAST)
