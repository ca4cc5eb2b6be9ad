"""Simulated hosts with our agent, keeping the promises of docs/reference/agent-protocol.md.

What goes on there without an agent is in `supervised`; here a runner and its link come, hang, die and take over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cuebot.domain import commands as c
from cuebot.domain.states import Cause, HostState
from cuebot.domain.units import HOUR, NO_END, SECOND, KiB, Micros
from cuebot.engine.ports import Answer
from cuebot.engine.requests import Address, KillRequest, LaunchRequest
from cuebot.sim.chaos.ground_truth import Process, ProcessState
from cuebot.sim.chaos.machine import KILL_US
from cuebot.sim.chaos.supervised import LIVE, SupervisedMachine

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

REPORT_US: Final = 10 * SECOND
STOP_US: Final = KILL_US + 4 * SECOND
"""How long an agent that was told to stop waits for its frames, and for the server to take what it has to say."""
GOODBYE_US: Final = 3 * SECOND
"""How long an agent that leaves its frames waits for the server to hear so."""
LOOK_US: Final = SECOND
"""How often an agent without a spool looks whether it may end."""
REMEMBERED_US: Final = HOUR
"""How long an agent knows the id of a run whose outcome was acknowledged."""


class SimHost(SupervisedMachine):
    """A machine with our agent."""

    def __init__(
        self, world: World, name: str, cores: int, memory_gib: int, lease_us: int, *, called: str = ""
    ) -> None:
        super().__init__(world, name, cores, memory_gib, lease_us, called)
        self.boot_us = self.wall.now_us
        """When this boot was, by the wall clock of the moment in which the spool's first agent of the boot asked: so a
        clock that is set later makes no other boot of it."""
        self._booted_us = self.now_us
        """When it truly was."""
        self.instance = world.new_id()
        self.succeeds: tuple[str, ...] = ()
        """Agents with other spools that had the books which the runner has taken over."""
        self._owners: dict[str, tuple[str, ...]] = {}
        """By book: which agents had it, as it says."""
        self._address = f"{self.called}:1"
        self._stopping = False
        """Its agent was told to stop, and says so."""
        self._away_until_us = 0
        """When a runner that is gone, or hangs, is there again."""
        self._hangs = self._loses_spool = False
        self._waiting: list[Callable[[], None]] = []
        """What a runner that hangs has not come to yet, in its order."""
        self._life = 0
        """Number of the runner's life, so that what was to happen in an old one does not."""
        self.forgotten: dict[str, int] = {}
        """Runs whose outcome was acknowledged, and until when their ids are remembered."""
        self._link = 0
        """Number of the link's life, so that what belongs to an old one is ignored."""

    @property
    def address(self) -> str:
        """Where its agent answers."""
        return self._address

    def is_meant(self, address: Address) -> bool:
        """Our agent takes no order that is for another one."""
        return address.instance in ("", self.instance)

    def copy_disk_of(self, other: SimHost) -> None:
        """This machine was made from an image of another one, spool and all."""
        self.instance = other.instance
        self._address = f"{self.name}:1"

    # --- the machine ----------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """The machine comes up and its agent with it."""
        self.alive = True
        self.came_back()
        self._booted_us, self.boot_us = self.now_us, self.wall.now_us
        self._confirmed_us = -self.lease_us
        self._start_runner()

    def die(self, *, new_disk: bool) -> None:
        """Power off: every process is gone, and with a new disk everything that the agent knew."""
        self.alive = self._stopping = False
        self._end_runner()
        self._power_off()
        self._unheard(self.runs)
        if new_disk:
            self._begin_spool()
            self.runs.clear()

    def _unheard(self, run_ids: Iterable[str]) -> None:
        """What had ended, and was not acknowledged, may be told to nobody, or too late."""
        for run_id in run_ids:
            self.runs[run_id].unheard = not self.runs[run_id].with_host

    def owner_returns(self) -> None:
        """Somebody locks all cores: what runs goes on, and nothing is started. Our agent does not watch for people."""
        self.locked = True

    # --- the runner -----------------------------------------------------------------------------------------------

    @property
    def has_agent(self) -> bool:
        """An agent is there, hanging or not, and was not told to stop."""
        return self.alive and not self._stopping and self.now_us >= (0 if self._hangs else self._away_until_us)

    @property
    def watches(self) -> bool:
        """A runner is there and sees what becomes of supervisors."""
        return self.alive and self.now_us >= self._away_until_us

    @property
    def watched_again_us(self) -> int:
        """When a runner is there again."""
        return max(self._away_until_us, self.now_us)

    def lose_runner(self, off_us: int = 0, *, new_spool: bool = False, why: str = "runners died") -> None:
        """The runner is gone, and the link with it; supervisors go on. The next one comes after a while."""
        if self.has_agent:
            self._tally_living(why)
            self._leave(off_us, new_spool=new_spool)

    def hang(self, length_s: float) -> None:
        """The runner answers nothing for a while, and then goes on with what it was asked meanwhile."""
        if not self.has_agent or self._hangs:
            return
        self._tally_living("runners hung")
        self._hangs = True
        self._go_away(int(length_s * SECOND))
        self._in_this_life(length_s * SECOND, self.wake_runner)

    def wake_runner(self) -> None:
        """A runner that hung goes on, where it does: first with what waits for it."""
        if not self._hangs:
            return
        self._hangs, self._away_until_us = False, 0
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            action()
        self.bury_lost()

    def leave_frames(self, off_us: int) -> None:
        """A service manager ends the agent: it says goodbye and leaves its frames to the next one."""
        if self.has_agent and self.watches:
            self._stopping = True
            self._report(self._link, boot=False)
            self._in_this_life(GOODBYE_US, lambda: self._gone(off_us))

    def _gone(self, off_us: int) -> None:
        self._stopping = False
        self.lose_runner(off_us, why="agents were ended by SIGTERM")

    def lose_spool(self, off_us: int) -> None:
        """Its spool is deleted under it: the runner starts nothing more, watches what runs, and ends."""
        if self.has_agent and not self._loses_spool:
            self._tally_living("spools were deleted under their agents")
            self._loses_spool = True
            self._end_without_spool(off_us)

    def _end_without_spool(self, off_us: int) -> None:
        if self.runs:
            self._in_this_life(LOOK_US, lambda: self._end_without_spool(off_us))
        else:
            self._leave(off_us, new_spool=True)

    def come_back(self) -> None:
        """Whoever looks after the machine sees that its agent runs."""
        self.wake_runner()
        if self.alive and self._away_until_us:
            self._start_runner()

    def stop_agent(self, off_us: int, *, new_spool: bool) -> None:
        """The agent is told to stop: it ends its frames, says so, delivers what it can; later it starts again."""
        if not self.watches or self._stopping:
            return
        self._stopping = True
        for process in self.processes(*LIVE):
            self.end(process.order.run_id, Cause.SHUTDOWN)
        self._report(self._link, boot=False)
        self._in_this_life(STOP_US, lambda: self._leave(off_us, new_spool=new_spool))

    def _tally_living(self, what: str) -> None:
        living = len(self.processes(*LIVE))
        self.tally(what)
        self.tally(f"frames lived when {what}", living)

    def _leave(self, off_us: int, *, new_spool: bool) -> None:
        self._end_runner()
        self._go_away(off_us)
        self._in_this_life(off_us, lambda: self._start_runner(new_spool=new_spool))

    def _end_runner(self) -> None:
        self.stop_link()
        self._life += 1
        self._hangs, self._away_until_us = False, 0
        self._waiting.clear()

    def _go_away(self, off_us: int) -> None:
        self._away_until_us = self.now_us + off_us
        for process in self.processes(*LIVE):
            if not process.is_watched and self.is_away_too_long:
                self._bury(process)

    def _in_this_life(self, delay_us: float, action: Callable[[], None]) -> None:
        life = self._life
        self.world.clock.later(delay_us, lambda: action() if life == self._life else None)

    def _start_runner(self, *, new_spool: bool = False) -> None:
        """A runner takes over what lives, and tells what has ended meanwhile."""
        self._life += 1
        self._stopping, self._away_until_us = False, 0
        new_spool = new_spool or self._loses_spool
        if new_spool:
            self._begin_spool()
        self._adopt()
        if new_spool:
            self.boot_us = self.wall.now_us - (self.now_us - self._booted_us)
        self.bury_lost()
        self.start_link()

    def _begin_spool(self) -> None:
        self._loses_spool = False
        self.forgotten.clear()
        self.instance = self.world.new_id()

    def _adopt(self) -> None:
        """A runner has its own book, and those of other spools that supervisors hold open."""
        living = [process for process in self.processes(*LIVE) if process.is_watched]
        held = {self.instance, *(process.book for process in living)}
        gone = [run_id for run_id, process in self.runs.items() if process.book not in held]
        self._unheard(gone)
        for run_id in gone:
            self._give_up(self.runs.pop(run_id))
        had = {process.book: (process.book, *self._owners.get(process.book, ())) for process in living}
        self.succeeds = tuple(dict.fromkeys(one for owners in had.values() for one in owners if one != self.instance))
        self._owners = {book: tuple(dict.fromkeys((*owners, self.instance))) for book, owners in had.items()}
        self.tally("frames taken over", len(living))
        self.tally("frames taken over from another spool", sum(p.book != self.instance for p in living))
        self.tally("outcomes waited in the book", len(self.processes(ProcessState.ENDED)))

    def _give_up(self, process: Process) -> None:
        """Nobody knows of it any more, and nothing goes on of it."""
        if process.state in LIVE:
            self._bury(process)

    def receive(self, action: Callable[[], None]) -> None:
        """Something from the link comes to the runner, now or when it goes on."""
        if not self.link_up:
            return
        if self._hangs:
            self._waiting.append(action)
        else:
            action()

    # --- the link -------------------------------------------------------------------------------------------------

    def stop_link(self) -> None:
        """The part of the agent that speaks to the server is gone; processes go on."""
        self.link_up = False
        self._link += 1

    def start_link(self) -> None:
        """The link comes up: first a start-up report, which names no run, then what was not acknowledged."""
        if not self.alive or (self._away_until_us > self.now_us and not self._hangs):
            return  # it is the runner that starts it
        self.link_up = True
        self._link += 1
        self._report(self._link, boot=True)
        for process in self.processes(ProcessState.ENDED):
            self._ended(process)

    def _report(self, link: int, *, boot: bool) -> None:
        if link != self._link:
            return
        if self._hangs:
            self._waiting.append(lambda: self._report(link, boot=boot))
            return
        sent_us = self.now_us
        named = [] if boot else list(self.runs)
        command = c.ReportHost(self.facts(), tuple(self._run_facts(self.runs[id]) for id in named), boot=boot)

        def answered(stale: list[str]) -> None:
            if link != self._link:
                return
            if boot:
                self.receive(lambda: self.renew_lease(sent_us))
                self._report(link, boot=False)
            else:
                self.receive(lambda: self._answered(sent_us, named, stale))
                self._next_report(link, boot=False)

        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.report(command, reply),
            answered=answered,
            failed=lambda: self._next_report(link, boot=boot),
        )

    def _next_report(self, link: int, *, boot: bool) -> None:
        pause_us = self.rng.uniform(0.8, 1.2) * REPORT_US
        self.world.clock.later(pause_us, lambda: self._report(link, boot=boot))

    def _answered(self, sent_us: int, named: Sequence[str], stale: Sequence[str]) -> None:
        """The server has confirmed the runs that the report named, but for the stale ones."""
        self.renew_lease(sent_us)
        for run_id in stale:
            if run_id in self.runs:
                self.end(run_id, Cause.LEASE)
        if self.in_lease:
            for run_id in named:
                process = self.runs.get(run_id)
                if process is not None and process.state is ProcessState.SUSPENDED and process.is_watched:
                    self._resume(process)

    def _resume(self, process: Process) -> None:
        """The server counts on a process that stood still."""
        self.tally("frames went on again")
        self.world.checker.goes_on(process)
        self._go(process)

    def facts(self) -> c.HostFacts:
        """What the host says of itself."""
        return replace(
            self._facts(self.boot_us),
            address=self.address,
            state=HostState.DOWN if self._stopping else HostState.UP,
            agent="1",
            instance=self.instance,
            succeeds=self.succeeds,
            lease_us=NO_END if self.goes_on else Micros(self.lease_us),
        )

    def _run_facts(self, process: Process) -> c.RunFacts:
        order, ended = process.order, process.state is ProcessState.ENDED
        return c.RunFacts(
            order.run_id,
            order.frame_id,
            KiB(process.memory // 2),
            KiB(process.memory),
            self.log_written_s(process),
            ended,
            Micros(process.ran_us(self.now_us)),
        )

    # --- runs -----------------------------------------------------------------------------------------------------

    def launch(self, order: LaunchRequest) -> Answer:
        """Start a run, unless it was started before."""
        if order.run_id in self.runs or self.forgotten.get(order.run_id, 0) > self.now_us:
            return Answer.ACCEPTED
        if (
            self._stopping
            or self._loses_spool
            or not self.in_lease
            or self._refuses_for_room(order)
            or self.rng.random() < self.world.faults.launch_refused
        ):
            return Answer.REFUSED
        self._start(order)
        self.runs[order.run_id].book = self.instance
        return Answer.ACCEPTED

    def kill(self, order: KillRequest) -> Answer:
        """End a run."""
        if order.run_id not in self.runs:
            return Answer.NOT_FOUND
        self.end(order.run_id, Cause.KILLED)
        return Answer.ACCEPTED

    def _ended(self, process: Process) -> None:
        self.receive(lambda: self._send_outcome(process))

    def _acknowledged(self, run_id: str) -> None:
        if self.runs.pop(run_id, None) is not None:
            self.forgotten[run_id] = self.now_us + REMEMBERED_US

    def _send_outcome(self, process: Process) -> None:
        """Say how a run ended, again and again until the server has it on disk."""
        order, link = process.order, self._link
        if order.run_id not in self.runs or not self.link_up:
            return
        command = c.ReportOutcome(
            host_name=self.called,
            speaker=self.speaker(),
            run_id=order.run_id,
            frame_id=order.frame_id,
            exit_status=process.exit_status,
            exit_signal=process.exit_signal,
            cause=process.cause,
            run_us=Micros(process.run_us),
            max_rss=KiB(process.memory),
            cpu_us=Micros(process.run_us * 3 // 2),
        )

        def answered(_: object) -> None:
            if link == self._link:
                self.receive(lambda: self._acknowledged(order.run_id))

        def failed() -> None:
            pause_us = self.rng.uniform(1, 5) * SECOND
            self.world.clock.later(pause_us, lambda: self._send_outcome(process) if link == self._link else None)

        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.outcome(command, reply),
            answered=answered,
            failed=failed,
        )
