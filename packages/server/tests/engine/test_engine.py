"""The asyncio engine: it refuses while commits fail, goes on when they succeed again, and gives up in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog
from small_farm import SmallFarm

from cuebot import decide as decide_module
from cuebot.domain import commands as c
from cuebot.domain.errors import NotFound, Unavailable
from cuebot.engine import engine as engine_module
from cuebot.engine.engine import Engine
from cuebot.engine.failures import FarmUnsound, JournalHung, JournalLost
from cuebot.engine.farm_rows import Rows
from cuebot.engine.ports import Answer, Answered, Batch, JournalError, NoPublisher, Publisher, Recorded
from cuebot.engine.requests import Address, KillRequest, LaunchRequest, LimitsRequest
from cuebot.sim.specs import job_spec, layer_spec, spec_of

ENVELOPE = c.Envelope(actor="test")


class FakeJournal:
    """Keeps batches in memory; fails while it is told to."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.fails = False
        self.tries = 0
        self.probes = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def commit(self, batch: Batch) -> None:
        """Keep a batch, or fail."""
        self.tries += 1
        await asyncio.sleep(0)
        await self.goes_on.wait()
        if self.fails:
            raise JournalError("the disk is full")
        self.batches.append(batch)

    async def probe(self) -> None:
        """Answer, or fail."""
        self.probes += 1
        await self.goes_on.wait()
        if self.fails:
            raise JournalError("the disk is full")

    def load(self) -> tuple[Rows, int]:
        """Nothing is loaded here."""
        return Rows(), 0


class FakeAgents:
    """Takes every run, and remembers what it was told."""

    def __init__(self) -> None:
        self.launched: list[str] = []
        self.killed: list[str] = []
        self.limited: list[LimitsRequest] = []

    def launch(self, address: Address, orders: Sequence[LaunchRequest], answered: Answered) -> None:
        """Take runs."""
        self.launched += [order.run_id for order in orders]
        for order in orders:
            answered(order.run_id, Answer.ACCEPTED, "")

    def kill(self, address: Address, orders: Sequence[KillRequest], answered: Answered) -> None:
        """End runs."""
        self.killed += [order.run_id for order in orders]

    def limit(self, address: Address, orders: Sequence[LimitsRequest]) -> None:
        """Be told what runs may."""
        self.limited += orders


class Running:
    """An engine on a small farm with a host, and its fakes."""

    def __init__(self, publisher: Publisher | None = None) -> None:
        self.farm = SmallFarm()
        self.farm.host()
        self.journal, self.agents = FakeJournal(), FakeAgents()
        self.engine = Engine(self.farm.core, self.journal, self.agents, lambda: self.farm.now_us, publisher)


@asynccontextmanager
async def running(publisher: Publisher | None = None) -> AsyncIterator[Running]:
    """Run an engine for the length of a test."""
    found = Running(publisher)
    task = asyncio.create_task(found.engine.run())
    try:
        yield found
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed commits are tried again soon."""
    monkeypatch.setattr(engine_module, "COMMIT_RETRY_SECONDS", 0.01)


async def until(happened: asyncio.Event) -> None:
    """Wait, but not for ever."""
    await asyncio.wait_for(happened.wait(), 5)


async def test_a_job_is_booked_committed_and_launched() -> None:
    """A submitted job reaches the agent by itself, its booking durable before."""
    async with running() as found:
        await found.engine.submit(c.SubmitJobs(spec_of(job_spec("one", layer_spec(range_text="1-3")))), ENVELOPE)
        await found.engine.drained()
        assert sorted(found.agents.launched) == sorted(found.farm.farm.procs)
        assert len(found.agents.launched) == 3


async def test_a_refused_command_raises_at_once() -> None:
    """A refusal needs no commit."""
    async with running() as found:
        with pytest.raises(NotFound):
            await found.engine.submit(c.KillJob("nothere"), ENVELOPE)
        assert found.journal.batches == []


async def test_who_reads_history_waits_for_what_is_on_its_way_there() -> None:
    """`durable` returns when what has happened is on disk, at once where nothing is on its way or nothing can be."""
    async with running() as found:
        await asyncio.wait_for(found.engine.durable(), 1)
        found.engine.carry_out(c.CreateShow("film"), ENVELOPE, lambda reply: None)
        assert found.journal.batches == []
        await asyncio.wait_for(found.engine.durable(), 1)
        assert len(found.journal.batches) == 1
        found.journal.fails = True
        waiting = asyncio.create_task(found.engine.submit(c.CreateShow("other"), ENVELOPE))
        while found.engine.stalled_since is None:
            await asyncio.sleep(0.005)
        await asyncio.wait_for(found.engine.durable(), 1)
        found.journal.fails = False
        await asyncio.wait_for(waiting, 5)


async def test_whoever_waits_in_a_stall_is_told_before_its_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told that its command was taken, also when it asks again; what was refused is not said to be taken."""
    monkeypatch.setattr(engine_module, "COMMIT_ANSWER_SECONDS", 0.05)
    asked = c.Envelope(actor="test", request_id="one")
    async with running() as found:
        found.journal.fails = True
        with pytest.raises(Unavailable, match=r"the disk is full.*was taken"):
            await asyncio.wait_for(found.engine.submit(c.CreateShow("film"), asked), 5)
        with pytest.raises(Unavailable, match="was taken"):
            await found.engine.submit(c.CreateShow("film"), asked)
        with pytest.raises(Unavailable, match="nothing was done"):
            await found.engine.submit(c.CreateShow("other"), ENVELOPE)
        found.journal.fails = False
        while found.engine.stalled_since is not None:
            await asyncio.sleep(0.005)
        shows = found.farm.farm.show_by_name
        assert await asyncio.wait_for(found.engine.submit(c.CreateShow("film"), asked), 5) == shows["film"]
        assert "other" not in shows


async def test_whoever_waits_when_the_server_ends_is_told_so() -> None:
    """No call is left without an answer, and none is taken any more."""
    async with running() as found:
        found.journal.goes_on.clear()
        waiting = asyncio.create_task(found.engine.submit(c.CreateShow("film"), ENVELOPE))
        while not found.journal.tries:
            await asyncio.sleep(0.005)
        found.engine.end()
        with pytest.raises(Unavailable, match="may be done all the same"):
            await asyncio.wait_for(waiting, 5)
        with pytest.raises(Unavailable, match="nothing was done"):
            await found.engine.submit(c.CreateShow("other"), ENVELOPE)
        found.journal.goes_on.set()


async def test_new_intents_are_refused_while_commits_fail_and_accepted_afterwards() -> None:
    """The command whose commit failed is answered once the same batch is durable; nothing is lost or done twice."""
    async with running() as found:
        found.journal.fails = True
        waiting = asyncio.create_task(found.engine.submit(c.CreateShow("film"), ENVELOPE))
        while found.journal.tries < 3:
            await asyncio.sleep(0.005)
        with pytest.raises(Unavailable, match="journal"):
            await found.engine.submit(c.CreateShow("other"), ENVELOPE)
        with pytest.raises(Unavailable):
            await found.engine.submit(c.ReportHost(found.farm.facts(), ()), ENVELOPE)
        assert not waiting.done()
        found.journal.fails = False
        assert await asyncio.wait_for(waiting, 5) == found.farm.farm.show_by_name["film"]
        assert len(found.journal.batches) == 1
        await found.engine.submit(c.CreateShow("other"), ENVELOPE)


async def test_a_commit_that_hangs_is_a_stall_and_ends_when_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are refused with the reason while a commit hangs; it is not tried twice, and what waited is answered."""
    monkeypatch.setattr(engine_module, "COMMIT_STALL_SECONDS", 0.05)
    async with running() as found:
        found.journal.goes_on.clear()
        waiting = asyncio.create_task(found.engine.submit(c.CreateShow("film"), ENVELOPE))
        while found.engine.stalled_since is None:
            await asyncio.sleep(0.005)
        with pytest.raises(Unavailable, match="has not returned for"):
            await found.engine.submit(c.CreateShow("other"), ENVELOPE)
        found.journal.goes_on.set()
        await asyncio.wait_for(waiting, 5)
        assert found.engine.stalled_since is None
        assert found.journal.tries == 1


async def test_a_commit_that_hangs_for_too_long_ends_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving up on a commit that never returns is told apart from one that fails: nobody may wait for its thread."""
    monkeypatch.setattr(engine_module, "COMMIT_STALL_SECONDS", 0.02)
    monkeypatch.setattr(engine_module, "COMMIT_ANSWER_SECONDS", 0.03)
    monkeypatch.setattr(engine_module, "COMMIT_GIVE_UP_SECONDS", 0.05)
    found = Running()
    found.journal.goes_on.clear()
    task = asyncio.create_task(found.engine.run())
    waiting = asyncio.create_task(found.engine.submit(c.CreateShow("film"), ENVELOPE))
    with pytest.raises(JournalHung, match="look at the database server"):
        await asyncio.wait_for(task, 5)
    waiting.cancel()


async def test_nothing_is_booked_while_commits_fail() -> None:
    """The scheduler rests until the journal works again, and then goes on by itself."""
    async with running() as found:
        found.journal.fails = True
        waiting = asyncio.create_task(found.engine.submit(c.SubmitJobs(spec_of(job_spec("one"))), ENVELOPE))
        while found.journal.tries < 3:
            await asyncio.sleep(0.005)
        booked = len(found.farm.farm.procs)
        assert found.agents.launched == []
        await asyncio.sleep(0.05)
        assert len(found.farm.farm.procs) == booked
        found.journal.fails = False
        await asyncio.wait_for(waiting, 5)
        await found.engine.drained()
        assert len(found.agents.launched) == 4


async def test_a_database_that_goes_away_is_noticed_while_nothing_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An idle server asks it now and then, is stalled while no answer comes, and goes on when one does."""
    monkeypatch.setattr(engine_module, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(engine_module, "COMMIT_RETRY_SECONDS", 0.01)
    async with running() as found:
        async with asyncio.timeout(5):
            while found.journal.probes < 2:
                found.engine.core.plan_wanted = True  # what is planned in vain is no answer of the database
                found.engine._wake()
                await asyncio.sleep(0.005)
            assert found.engine.stalled_since is None
            found.journal.fails = True
            while found.engine.stalled_since is None:
                await asyncio.sleep(0.005)
        assert found.engine.stall_reason == "the disk is full"
        with pytest.raises(Unavailable, match="nothing was done"):
            await found.engine.submit(c.CreateShow("film"), ENVELOPE)
        assert found.journal.tries == 0
        found.journal.fails = False
        async with asyncio.timeout(5):
            while found.engine.stalled_since is not None:
                await asyncio.sleep(0.005)
            await found.engine.submit(c.CreateShow("film"), ENVELOPE)


async def test_the_log_says_now_and_then_that_commits_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, then at intervals however often a commit is tried, and when it is over."""
    monkeypatch.setattr(engine_module, "COMMIT_RETRY_SECONDS", 0.005)
    with structlog.testing.capture_logs() as told:
        async with running() as found:
            found.journal.fails = True
            waiting = asyncio.create_task(found.engine.submit(c.CreateShow("film"), ENVELOPE))
            async with asyncio.timeout(5):
                while found.journal.tries < 10:
                    await asyncio.sleep(0.005)
            assert [entry["event"] for entry in told] == ["commits stall"]
            monkeypatch.setattr(engine_module, "STALL_TOLD_SECONDS", 0.0)
            async with asyncio.timeout(5):
                while len(told) < 3:
                    await asyncio.sleep(0.005)
            found.journal.fails = False
            await asyncio.wait_for(waiting, 5)
    assert [entry["event"] for entry in told[-2:]] == ["commits stall", "commits succeed again"]


async def test_a_journal_that_fails_for_too_long_ends_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving up is JournalLost itself, with the journal's words."""
    monkeypatch.setattr(engine_module, "COMMIT_GIVE_UP_SECONDS", 0.05)
    found = Running()
    found.journal.fails = True
    task = asyncio.create_task(found.engine.run())
    waiting = asyncio.create_task(found.engine.submit(c.CreateShow("film"), ENVELOPE))
    with pytest.raises(JournalLost, match="the disk is full"):
        await asyncio.wait_for(task, 5)
    waiting.cancel()


class Heard(NoPublisher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self.hosts: list[str] = []

    def committed(self, events: Sequence[Recorded]) -> None:
        """Keep the events of a batch."""
        self.events += events

    def reported(self, host_id: str) -> None:
        """Keep a host's id."""
        self.hosts.append(host_id)


async def test_a_publisher_hears_of_every_committed_event_in_order() -> None:
    """Events reach it after their commit, numbered without a gap."""
    heard = Heard()
    async with running(heard) as found:
        found.journal.goes_on.clear()
        waiting = asyncio.create_task(found.engine.submit(c.CreateShow("film"), ENVELOPE))
        while not found.journal.tries:
            await asyncio.sleep(0)
        assert heard.events == []
        found.journal.goes_on.set()
        await waiting
        await found.engine.submit(c.CreateShow("other"), ENVELOPE)
        await found.engine.drained()
        first = heard.events[0].seq
        assert [recorded.seq for recorded in heard.events] == list(range(first, first + 6))


async def test_a_publisher_hears_which_host_has_reported() -> None:
    """Its telemetry is new, whether or not anything is committed."""
    heard = Heard()
    async with running(heard) as found:
        await found.engine.submit(c.ReportHost(found.farm.facts(), ()), ENVELOPE)
        assert heard.hosts == [found.farm.farm.host_named("host0").id]


async def test_a_report_is_answered_with_the_runs_to_end() -> None:
    """The reply to a report leaves after its commit and names what is not current."""
    async with running() as found:
        command = c.ReportHost(found.farm.facts(), (c.RunFacts("stale", "stale"),))
        assert await asyncio.wait_for(found.engine.submit(command, ENVELOPE), 5) == ["stale"]


async def test_memory_that_contradicts_itself_ends_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that could be applied only in part is never committed: intents are refused, and the engine ends."""

    def broken(farm: object, event: object, at_us: int) -> None:
        raise AssertionError("an illegal step")

    found = Running()
    task = asyncio.create_task(found.engine.run())
    await found.engine.drained()
    monkeypatch.setattr(decide_module, "apply", broken)
    with pytest.raises(AssertionError):
        await found.engine.submit(c.CreateShow("newshow"), ENVELOPE)
    with pytest.raises(Unavailable):
        await found.engine.submit(c.CreateShow("othershow"), ENVELOPE)
    with pytest.raises(FarmUnsound):
        await asyncio.wait_for(task, 5)
    committed = [recorded.event for batch in found.journal.batches for recorded in batch.events]
    assert not any("newshow" in str(event) for event in committed)
