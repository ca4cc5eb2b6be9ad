"""The engine's loop: a task that commits, one for what is done meanwhile, and one that sweeps, around one Core.

All of it runs on one event loop, so the Core needs no lock. Only the journal's commit leaves the loop, with copies.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from cuebot.domain import commands as c
from cuebot.domain.errors import Unavailable
from cuebot.domain.farm import Farm
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.dispatch import AgentRequests
from cuebot.engine.failures import FarmUnsound, JournalHung, JournalLost
from cuebot.engine.past_jobs import NoJobHistory, PastJobs
from cuebot.engine.ports import (
    Agents,
    Answer,
    Batch,
    JobHistory,
    Journal,
    JournalError,
    JournalSuperseded,
    NoPublisher,
    Publisher,
)

Reply = TypeVar("Reply")

log = structlog.get_logger("engine")

SWEEP_SECONDS: Final = 5.0
GATHER_SECONDS: Final = 0.003
"""After a commit that several commands shared, others are given so long to join the next one. A plan and a commit cost
the same for one completion as for ten, so a busy farm would otherwise spend most of its time on them."""
COMMIT_RETRY_SECONDS: Final = 0.5
COMMIT_STALL_SECONDS: Final = 4.0
"""A commit that takes so long is a stall like one that fails: who asks meanwhile is refused, not kept waiting."""
COMMIT_ANSWER_SECONDS: Final = 8.0
"""After so long whoever waits for the commit is told why. Clients wait 10 s, and then know nothing."""
COMMIT_GIVE_UP_SECONDS: Final = 60.0
"""A journal that fails or hangs for so long ends the server: it must not pretend to know what it cannot keep."""
PROBE_SECONDS: Final = 10.0
"""A server that has had nothing to commit for so long asks its database whether it is there."""
STALL_TOLD_SECONDS: Final = 10.0
"""The log says so often that commits still stall."""
DURABLE_SECONDS: Final = 2.0
"""How long a reader of history waits for what is on its way to the disk."""
RECALLS_AT_A_TIME: Final = 20
"""Jobs that are loaded before others have the loop; they share a commit."""


class Engine:
    """The single owner of a farm."""

    def __init__(
        self,
        core: Core,
        journal: Journal,
        agents: Agents,
        now_us: Callable[[], int],
        publisher: Publisher | None = None,
        job_history: JobHistory | None = None,
    ) -> None:
        self.core = core
        self.past_jobs = PastJobs(job_history or NoJobHistory(), core.bounds)
        self.now_us = now_us
        self.stalled_since: float | None = None
        """Loop time since when commits fail or hang; None while they succeed."""
        self.stall_reason = ""
        """What the journal said then."""
        self._stall_told = 0.0
        """Loop time when the log last said so."""
        self._answered = 0.0
        """Loop time when the journal last did what it was asked."""
        self._journal = journal
        self._agents = agents
        self._publisher = publisher or NoPublisher()
        self._work = asyncio.Event()
        self._more_to_do = asyncio.Event()
        self._idle = asyncio.Event()
        self._waiting: set[asyncio.Future[Any]] = set()
        """Who waits for the reply to a command."""
        self._ends = False
        self._recalls = 0
        """How often jobs were loaded again."""

    @property
    def farm(self) -> Farm:
        """The farm, to be read only."""
        return self.core.farm

    # --- the door in ----------------------------------------------------------------------------------------------

    async def submit(self, command: c.Command, envelope: c.Envelope) -> Any:
        """Carry out a command and return its reply once it is durable. Raises FarmError to refuse."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.carry_out(command, envelope, _resolve(waiter))
        return await self._reply(waiter)

    def carry_out(self, command: c.Command, envelope: c.Envelope, done: Callable[[Any], None]) -> None:
        """Carry out a command; `done` is called with its reply once that is durable. Raises FarmError to refuse."""
        self._refuse_while_stalled(envelope)
        try:
            self.core.execute(command, envelope, self.now_us(), done)
        finally:
            self._wake()
        if isinstance(command, c.ReportHost):
            self._reported(command)

    def _reported(self, command: c.ReportHost) -> None:
        """A host has reported: some agents may have to be told something at once, and its telemetry is new."""
        self._send(self.core.dispatch.take_requests())
        host_id = self.farm.host_by_name.get(command.host.name)
        if host_id is not None:
            self._publisher.reported(host_id)

    async def _reply(self, waiter: asyncio.Future[Reply]) -> Reply:
        self._waiting.add(waiter)
        try:
            return await waiter
        finally:
            self._waiting.discard(waiter)

    def end(self) -> None:
        """Take no more commands; whoever waits for a reply that is not durable yet is told that none comes."""
        self._ends = True
        self._tell_waiting("the server ends before it knows that this is kept; it may be done all the same: ask again")

    def _tell_waiting(self, detail: str) -> None:
        """Answer whoever waits for a commit. Asking again under the same request id is safe, done or not."""
        for waiter in list(self._waiting):
            if not waiter.done():
                waiter.set_exception(Unavailable(detail))

    async def recall(self, text: str) -> bool:
        """Have the finished job in memory again that an id or a name means, and whatever it refers to.

        Returns whether the farm has a job now that it had not before. Raises Unavailable, or whatever refuses it.
        """
        seen = self._recalls
        async with self.past_jobs.one_at_a_time:
            if not await self.durable():  # a job that has just left may be neither here nor there
                raise Unavailable("finished jobs cannot be looked for now: the journal cannot be written; try again")
            commands = await self.past_jobs.recall(self.farm, text)
            if not commands:
                return self._recalls != seen  # perhaps it was this one
            self._recalls += 1
            for first in range(0, len(commands), RECALLS_AT_A_TIME):
                some = commands[first : first + RECALLS_AT_A_TIME]
                await asyncio.gather(*(self.submit(command, SYSTEM) for command in some))
            return True

    async def durable(self) -> bool:
        """Return when what has happened so far is on disk, so that whoever reads history there misses nothing of it.

        While the journal cannot be written it returns at once, False where something is not on disk.
        """
        if self._idle.is_set() and not self.core.has_batch():
            return True
        if self.stalled_since is not None:
            return False
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.core.when_durable(_resolve(waiter))
        self._wake()
        done, _ = await asyncio.wait([waiter], timeout=DURABLE_SECONDS)
        return bool(done)

    async def kept(self, envelope: c.Envelope) -> None:
        """Return when all that was carried out so far is on disk, however long it takes. Raises Unavailable."""
        self._refuse_while_stalled(envelope)
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.core.when_durable(_resolve(waiter))
        self._wake()
        await self._reply(waiter)

    def _refuse_while_stalled(self, envelope: c.Envelope) -> None:
        if not self.core.sound:
            raise Unavailable("the server found a contradiction in its memory and is about to end; start it again")
        if self._ends:
            raise Unavailable("the server ends; nothing was done; try again when it is back")
        if self.stalled_since is not None:
            if envelope.request_id and envelope.request_id in self.farm.requests:
                raise Unavailable(self._taken())
            raise Unavailable(
                f"the journal cannot be written now ({self.stall_reason}); nothing was done; try again later"
            )

    def _taken(self) -> str:
        return (
            f"the journal cannot be written now ({self.stall_reason}); this was taken, and is done when it can be: look"
            " before you ask for it anew"
        )

    # --- running --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled. Raises JournalLost when the journal fails for too long, FarmUnsound after a bug."""
        jobs: list[Coroutine[Any, Any, None]] = [self._commit(), self._dispatch_loop(), self._sweep()]
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(job)
                self._wake()
        except BaseExceptionGroup as failures:
            lost = failures.subgroup((JournalLost, FarmUnsound))
            if lost is None:
                raise
            raise lost.exceptions[0] from None

    async def drained(self) -> None:
        """Return when nothing waits to be committed or launched."""
        core = self.core
        while core.has_batch() or core.plan_wanted or core.dispatch.has_launches() or not self._idle.is_set():
            self._wake()
            await asyncio.sleep(0.01)

    def _wake(self) -> None:
        if self.core.has_batch() or self.core.plan_wanted or not self.core.sound:
            self._work.set()

    async def _commit(self) -> None:
        """Plan, then commit what has gathered, as long as there is anything: completions and the bookings that they
        make possible share one transaction."""
        busy = False
        self._answered = asyncio.get_running_loop().time()
        while True:
            self._idle.set()
            await self._work_or_probe()
            self._work.clear()
            self._end_if_unsound()
            while self.core.has_batch() or self.core.plan_wanted:
                self._idle.clear()
                await asyncio.sleep(GATHER_SECONDS if busy else 0)  # at 0 what has arrived already joins this batch
                self._end_if_unsound()
                if self._plan_slice():
                    await asyncio.sleep(0)  # whoever came meanwhile is heard before the batch is copied
                if not self.core.has_batch():
                    continue
                batch = self.core.take()
                await self._commit_until_done(batch)
                tickets, orders = self.core.committed(self.now_us())
                log.debug("committed", events=len(batch.events), replies=len(tickets))
                busy = len(tickets) > 1
                for ticket in tickets:
                    ticket.done(ticket.reply)
                self._send(orders)
                if self.core.dispatch.has_launches():
                    self._more_to_do.set()
                self._publisher.committed(batch.events)
                self._wake()

    async def _work_or_probe(self) -> None:
        """Return when there is something to do. Meanwhile the database is looked after: that it is gone shows in
        readiness before somebody's change meets it."""
        loop = asyncio.get_running_loop()
        while not self._work.is_set():
            left_s = self._answered + PROBE_SECONDS - loop.time()
            if left_s > 0 or self.core.has_batch():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._work.wait(), left_s if left_s > 0 else None)
                    return
            await self._until_done(self._journal.probe)

    async def _commit_until_done(self, batch: Batch) -> None:
        """The same batch is tried again until it is durable; memory is never rolled back."""
        if batch.rows or batch.events:
            await self._until_done(lambda: self._journal.commit(batch))

    async def _until_done(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Try until it succeeds; until then the engine is stalled. Raises JournalLost."""
        while True:
            try:
                await self._watched(attempt())
            except JournalSuperseded as error:
                raise JournalLost(f"this server is no longer the journal's writer: {error}") from error
            except JournalError as error:
                stalled_s = self._stall(str(error))
                if stalled_s > COMMIT_GIVE_UP_SECONDS:
                    raise JournalLost(f"the journal has failed for {stalled_s:.0f} s: {error}") from error
                await asyncio.sleep(COMMIT_RETRY_SECONDS)
            else:
                self._answered = asyncio.get_running_loop().time()
                self._goes_on()
                return

    async def _watched(self, attempt: Awaitable[None]) -> None:
        """One try. While it hangs the engine is stalled. Raises JournalHung when that lasts for too long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        commit = asyncio.ensure_future(attempt)
        commit.add_done_callback(_noticed)
        done, _ = await asyncio.wait({commit}, timeout=COMMIT_STALL_SECONDS)
        for after_s, until_s in (
            (COMMIT_STALL_SECONDS, COMMIT_ANSWER_SECONDS),
            (COMMIT_ANSWER_SECONDS, COMMIT_GIVE_UP_SECONDS),
        ):
            if not done:
                self._stall(f"a commit has not returned for {after_s:g} s", since=began)
                done, _ = await asyncio.wait({commit}, timeout=until_s - after_s)
        if not done:
            raise JournalHung(f"a commit has not returned for {loop.time() - began:.0f} s; look at the database server")
        commit.result()

    def _stall(self, reason: str, since: float | None = None) -> float:
        """Commits do not succeed at the moment. Returns for how many seconds that has been so."""
        now = asyncio.get_running_loop().time()
        is_new = self.stalled_since is None
        if self.stalled_since is None:
            self.stalled_since = now if since is None else since
        self.stall_reason = reason
        stalled_s = now - self.stalled_since
        if is_new or now - self._stall_told >= STALL_TOLD_SECONDS:
            self._stall_told = now
            log.error("commits stall", reason=reason, stalled_s=round(stalled_s, 1))
        if stalled_s >= COMMIT_ANSWER_SECONDS:
            self._tell_waiting(self._taken())
        return stalled_s

    def _goes_on(self) -> None:
        if self.stalled_since is not None:
            stalled_s = asyncio.get_running_loop().time() - self.stalled_since
            log.info("commits succeed again", stalled_s=round(stalled_s, 1))
            self.stalled_since, self.stall_reason = None, ""

    def _end_if_unsound(self) -> None:
        if not self.core.sound:
            raise FarmUnsound(
                "an event could be applied only in part; what is on disk is sound: start the server again"
            )

    def _plan_slice(self) -> bool:
        """Plan, where that is wanted and the batch has room. Returns whether anything was booked."""
        if not self.core.plan_wanted or self.core.has_bookings_enough():
            return False
        booked = self.core.plan(self.now_us())
        if self.core.plan_wanted:  # the budget ended before the farm did
            self._more_to_do.set()
        log.debug("planned", booked=booked, goes_on=self.core.plan_wanted)
        return booked > 0

    async def _dispatch_loop(self) -> None:
        """While a batch is being committed: launch what the last one booked, then go on with the plan.

        A few launches or one slice at a time, so that others are heard in between.
        """
        while True:
            await self._more_to_do.wait()
            self._more_to_do.clear()
            await asyncio.sleep(0)
            while self.core.dispatch.has_launches():
                self._send(self.core.launch(self.now_us()))
                self._wake()
                await asyncio.sleep(0)
            if self.stalled_since is None:
                self._plan_slice()
                self._wake()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self.stalled_since is None:
                self._send(self.core.sweep(self.now_us()))
                self._wake()

    # --- orders ---------------------------------------------------------------------------------------------------

    def _send(self, orders: AgentRequests) -> None:
        for address, runs in orders.launches:
            self._agents.launch(address, runs, self._launch_answered)
        for address, kills in orders.kills:
            self._agents.kill(address, kills, self._kill_answered)
        for address, limits in orders.limits:
            self._agents.limit(address, limits)

    def _launch_answered(self, run_id: str, answer: Answer, detail: str) -> None:
        if answer is not Answer.ACCEPTED:
            log.warning("launch not taken", run=run_id, answer=answer.value, detail=detail[:300])
        self.core.answered(run_id, answer, detail, self.now_us())
        self._wake()

    def _kill_answered(self, run_id: str, answer: Answer, detail: str) -> None:
        if answer is not Answer.ACCEPTED:  # it is sent again, until a report or an outcome says what became of the run
            log.warning("kill not taken", run=run_id, answer=answer.value, detail=detail[:300])
        self.core.kill_answered(run_id, answer, self.now_us())
        self._wake()


def _noticed(commit: asyncio.Future[None]) -> None:
    """The end of a commit for which nobody waits any more, because the server ends, is no error of its own."""
    if not commit.cancelled():
        commit.exception()


def _resolve(waiter: asyncio.Future[Any]) -> Callable[[Any], None]:
    def done(reply: Any) -> None:
        if not waiter.done():  # whoever asked may have gone away
            waiter.set_result(reply)

    return done
