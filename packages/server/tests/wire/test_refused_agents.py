"""An agent that is refused is seen at the server: in its log, by a call, and no more once it is let in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opencue_proto import report_pb2

from cuebot.wire.door_book import (
    AGENTS_KEPT_MAX,
    FORGOTTEN_SECONDS,
    HOST_KEY,
    NAME_STEADY_SECONDS,
    NAMES_COUNTED_MAX,
    NAMES_OF_AN_ADDRESS_MAX,
    TOLD_SECONDS,
    TRIES_SECONDS,
    DoorBook,
    Refusal,
    name_in,
)
from cuebot.wire.doors import TOKEN_KEY, Door, Doors
from cuefarm_proto import farm_pb2


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """What the log was told."""
    with structlog.testing.capture_logs() as entries:
        yield entries


async def doors_of(site: Any) -> Any:
    """What a server says of its doors."""
    return await site.farm_interface.GetDoors(farm_pb2.GetDoorsRequest())


def report(tools: Any, name: str = "render07") -> Any:
    """A status report."""
    return report_pb2.RqdReportStatusRequest(
        host_report=report_pb2.HostReport(host=tools.render_host(name, **{"cuefarm.address": "127.0.0.1:9"}))
    )


async def test_agents_without_the_token_are_seen_and_forgotten_once_let_in(start_site: Any, tools: Any) -> None:
    """The call tells address, name, reason, and what to do; a report that is taken ends it."""
    site = await start_site()
    named = ((HOST_KEY, "render07%20%C3%BC"),)
    for _ in range(3):
        await site.refused(site.report.ReportStatus(report(tools), metadata=named))
    await site.refused(site.report.ReportStatus(report(tools), metadata=(*named[:0], (TOKEN_KEY, "another's"))))
    nameless, agent = (await doors_of(site)).refused
    assert (agent.address, agent.name, agent.code, agent.count) == ("127.0.0.1", "render07 ü", "NO_TOKEN", 3)
    assert "--token-file" in agent.remedy
    assert (nameless.name, nameless.code) == ("", "WRONG_TOKEN")
    assert 0 <= agent.last_s < 60
    await site.report.ReportStatus(report(tools), metadata=((TOKEN_KEY, tools.token), *named))
    assert [refused.name for refused in (await doors_of(site)).refused] == [""]


async def test_an_agent_whose_name_is_taken_is_seen(start_site: Any, tools: Any) -> None:
    """Two agents of one name: the second is refused with what to do."""
    site = await start_site()
    for instance in ("first", "second"):
        host = tools.render_host(
            "render07",
            **{"cuefarm.address": "127.0.0.1:9", "cuefarm.agent": "0.1.0", "cuefarm.instance": instance},
        )
        request = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=host))
        call = site.report.ReportStatus(request, metadata=((TOKEN_KEY, tools.token),))
        await (call if instance == "first" else site.refused(call))
    (agent,) = (await doors_of(site)).refused
    assert (agent.name, agent.code) == ("render07", "NAME_TAKEN")
    assert "rqd --name" in agent.remedy


async def test_explain_names_agents_that_are_refused(start_site: Any, tools: Any) -> None:
    """Work that waits for a host waits, among others, for those that are not let in."""
    site = await start_site()
    job = await site.launch(tools.layer("beauty", "1-3"))
    await site.refused(site.report.ReportStatus(report(tools), metadata=((HOST_KEY, "render07"),)))
    answer = await site.farm_interface.Explain(farm_pb2.ExplainRequest(job=job.id))
    codes = {reason.code: reason for reason in answer.layers[0].reasons}
    assert set(codes) == {"NO_HOSTS", "AGENTS_REFUSED"}
    assert codes["AGENTS_REFUSED"].text == "1 agent is refused for want of the token: render07"


async def test_explain_says_of_what_runs_that_its_host_is_refused(site: Any, start_agent: Any, tools: Any) -> None:
    """An agent that lost its token while frames run there: nothing else that is known of them is news."""
    agent = await start_agent("render07")
    agent.finish = False
    job = await site.launch(tools.layer("beauty", "1"))
    await tools.until(lambda: bool(agent.launched))
    (host,) = site.engine.farm.hosts.values()
    named = ((HOST_KEY, "render07"),)
    await site.refused(site.report.ReportStatus(report(tools), metadata=named))
    ask = farm_pb2.ExplainRequest(job=job.id, layer="beauty", frame="1")
    answer = await site.farm_interface.Explain(ask)
    assert "AGENT_REFUSED" not in {reason.code for reason in answer.frame.reasons}  # it has reported since
    host.ping_us = 0
    answer = await site.farm_interface.Explain(ask)
    words = "render07, where 1 frame runs, is refused (it sends no token), so nothing is heard of it"
    assert answer.summary == answer.frame.reasons[0].text == words
    assert "--token-file" in answer.frame.reasons[0].remedy
    answer = await site.farm_interface.Explain(farm_pb2.ExplainRequest(job=job.id))
    assert words in {reason.text for reason in answer.layers[0].reasons}


async def test_agents_that_an_open_door_lets_in_are_named(start_site: Any, tools: Any) -> None:
    """With --open agents the server knows who came in without the token."""
    site = await start_site(doors=Doors(tools.token, opened=frozenset({Door.AGENTS})))
    await site.report.ReportStatus(report(tools), metadata=((HOST_KEY, "render07"),))
    await site.report.ReportStatus(report(tools, "other"), metadata=((TOKEN_KEY, tools.token),))
    answer = await doors_of(site)
    assert list(answer.opened) == ["agents"]
    assert answer.address == f"127.0.0.1:{site.port}"
    assert [(agent.address, agent.name) for agent in answer.without_token] == [("127.0.0.1", "render07")]
    assert not answer.refused


def test_the_log_says_it_once_a_minute_for_each_agent(told: list[Any]) -> None:
    """Agents of one address are told apart by name, and however often one tries it is told once."""
    now_s = [0.0]
    book = DoorBook(lambda: now_s[0])
    for now_s[0] in (0.0, 1.0, TOLD_SECONDS - 1, TOLD_SECONDS):
        book.refused_agent("10.0.0.7", "render07", Refusal.NO_TOKEN)
        book.refused_agent("10.0.0.7", "render08", Refusal.NO_TOKEN)
        book.refused_agent("10.0.0.8", "", Refusal.WRONG_TOKEN)
    told_of = [("10.0.0.7", "render07"), ("10.0.0.7", "render08"), ("10.0.0.8", "")]
    assert [(entry["address"], entry["host"]) for entry in told] == told_of * 2
    assert told[0]["why"] == "it sends no token"


def test_the_log_is_not_filled_from_one_address(told: list[Any]) -> None:
    """Whoever calls under ever other names gets so many lines a minute, and others theirs."""
    now_s = [0.0]
    book = DoorBook(lambda: now_s[0])
    for number in range(1_000):
        book.refused_agent("10.0.0.7", f"name{number}", Refusal.NO_TOKEN)
    book.refused_agent("10.0.0.8", "", Refusal.NO_TOKEN)
    assert [entry["address"] for entry in told] == ["10.0.0.7"] * NAMES_OF_AN_ADDRESS_MAX + ["10.0.0.8"]


async def test_an_agent_whose_name_is_taken_is_seen_as_long_as_it_tries(start_site: Any, tools: Any) -> None:
    """The reports of the one that has the name, from the same address, say nothing of the other."""
    site = await start_site()
    token = ((TOKEN_KEY, tools.token),)
    for instance in ("first", "second", "first"):
        host = tools.render_host(
            "render07",
            **{"cuefarm.address": "127.0.0.1:9", "cuefarm.agent": "0.1.0", "cuefarm.instance": instance},
        )
        request = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=host))
        call = site.report.ReportStatus(request, metadata=token)
        await (call if instance == "first" else site.refused(call))
    assert [(agent.name, agent.code) for agent in (await doors_of(site)).refused] == [("render07", "NAME_TAKEN")]


def test_the_good_one_of_two_agents_does_not_hide_the_refused_one() -> None:
    """With one name and address, one is let in and the other has no token: that stands as long as it tries."""
    now_s = [0.0]
    book = DoorBook(lambda: now_s[0])
    for now_s[0] in range(0, 300, 10):
        book.welcome("10.0.0.7", "render07", "good")
        if now_s[0] % 30 == 0:
            book.refused_agent("10.0.0.7", "render07", Refusal.NO_TOKEN)
        assert len(book.refused()) == 1
    now_s[0] = 270 + TRIES_SECONDS
    book.welcome("10.0.0.7", "render07", "good")
    assert book.refused() == []
    book.refused_agent("10.0.0.8", "render08", Refusal.NO_TOKEN)
    book.welcome("10.0.0.8", "render08", "mended")
    assert book.refused() == []


def test_the_book_is_bounded(told: list[Any]) -> None:
    """The newest are kept; one address under many names pushes out nobody; a day later all is forgotten."""
    now_s = [0.0]
    book = DoorBook(lambda: now_s[0])
    for number in range(AGENTS_KEPT_MAX - NAMES_OF_AN_ADDRESS_MAX):
        book.refused_agent(f"10.0.0.{number}", "", Refusal.NO_TOKEN)
        book.let_in_without_token(f"10.0.0.{number}", "")
    for number in range(1_000):
        book.refused_agent("10.0.9.9", f"{number}" * 300, Refusal.NO_TOKEN)
        book.let_in_without_token("10.0.9.9", f"{number}" * 300)
    assert len(book.refused()) - 1 == len(book.without_token()) == AGENTS_KEPT_MAX
    for number in range(10):
        book.refused_agent(f"10.1.0.{number}", "", Refusal.NO_TOKEN)
    assert len(book.refused()) - 1 == AGENTS_KEPT_MAX
    now_s[0] = FORGOTTEN_SECONDS + 1
    assert book.refused() == []
    assert book.without_token() == []


def test_invented_names_push_out_no_real_agent(told: list[Any]) -> None:
    """Of one machine a few names are kept and the others counted, whichever of its addresses they come from."""
    now_s = [0.0]
    book = DoorBook(lambda: now_s[0])
    book.refused_agent("127.0.0.1", "render07", Refusal.WRONG_TOKEN)
    book.refused_agent("10.0.0.7", "render08", Refusal.NO_TOKEN)
    for number in range(500):
        now_s[0] += 1
        book.refused_agent(f"127.0.{number % 250}.9", f"invented{number}", Refusal.NO_TOKEN)
        book.refused_agent("2001:db8::7", f"invented{number}", Refusal.NO_TOKEN)
    listed = book.refused()
    assert {("127.0.0.1", "render07"), ("10.0.0.7", "render08")} <= {(agent.address, agent.name) for agent in listed}
    assert len(listed) == 2 * NAMES_OF_AN_ADDRESS_MAX + 1 + 2
    assert [(agent.name, agent.count) for agent in listed[:2]] == [
        (f"and {500 - NAMES_OF_AN_ADDRESS_MAX} more names", 500 - NAMES_OF_AN_ADDRESS_MAX),
        (f"and {501 - NAMES_OF_AN_ADDRESS_MAX} more names", 501 - NAMES_OF_AN_ADDRESS_MAX),
    ]
    for number in range(2_000):
        book.refused_agent("10.0.9.9", f"invented{number}", Refusal.NO_TOKEN)
    assert f"and {NAMES_COUNTED_MAX}+ more names" in [agent.name for agent in book.refused()]


def test_a_name_that_tries_no_more_gives_its_place_to_the_next(told: list[Any]) -> None:
    """An agent that comes after a flood is named once the invented names have fallen silent."""
    now_s = [0.0]
    book = DoorBook(lambda: now_s[0])
    for number in range(NAMES_OF_AN_ADDRESS_MAX):
        book.refused_agent("10.0.0.7", f"invented{number}", Refusal.NO_TOKEN)
    book.refused_agent("10.0.0.7", "render07", Refusal.NO_TOKEN)
    assert book.refused()[0].name == "and 1 more name"
    book.welcome("10.0.0.7", "render07")
    assert len(book.refused()) == NAMES_OF_AN_ADDRESS_MAX
    now_s[0] = NAME_STEADY_SECONDS
    book.refused_agent("10.0.0.7", "render07", Refusal.NO_TOKEN)
    assert book.refused()[0].name == "render07"
    assert len(book.refused()) == NAMES_OF_AN_ADDRESS_MAX


@pytest.mark.parametrize(
    ("sent", "name"),
    [("render07", "render07"), ("a%0Ab", "a\\nb"), ("%FF", "\ufffd"), ("", ""), ("x" * 5_000, None)],
)
def test_a_name_is_made_fit_to_be_shown(sent: str, name: str | None) -> None:
    """What a stranger sends as its name is one short line, whatever it was."""
    shown = name_in(((HOST_KEY, sent),))
    assert shown == name if name is not None else len(shown) <= 256
    assert os.linesep not in shown
