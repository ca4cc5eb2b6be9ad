"""What happens to runs: accepted, started, suspended, ended, delivered, forgotten."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Callable, Optional

from rqd import log
from rqd.options import Options
from rqd.platform import Ending, Platform, Process, Traces
from rqd.runner import frame_log
from rqd.runner.capacity import Capacity
from rqd.runner.error_line import read_error_line
from rqd.runner.lease import Lease
from rqd.runner.loop import Loop
from rqd.runner.notes import Notes
from rqd.runner.outcome import FAILED_LAUNCH, RUNNER_LOST, SKIP_RETRY, close_log, outcome_of, status_of
from rqd.runner.run import Refusal, Run, Termination, check_launch, run_from
from rqd.runner.spool import Spool
from rqd.runner.start import LaunchFailed, ProcessStart

UNDELIVERED_MAX = 5000
SAMPLE_SECONDS = 5.0
_STOP_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
LOOK_AGAIN_SECONDS_MIN = 0.02
LOOK_AGAIN_SECONDS_MAX = 0.5


class Runs:
    """All runs that this runner knows: those that run, and those whose outcome the server does not have yet."""

    # Time-outs, kills for a silent log and for memory belong into `_sample`: each is one more reason to call `end`.

    def __init__(
        self,
        *,
        options: Options,
        platform: Platform,
        loop: Loop,
        spool: Spool,
        capacity: Capacity,
        lease: Lease,
        on_outcome: Callable[[Run], None],
    ) -> None:
        self._options = options
        self._platform = platform
        self._loop = loop
        self._spool = spool
        self._capacity = capacity
        self._lease = lease
        self._on_outcome = on_outcome
        self._known: dict[str, Run] = {}
        self._live: dict[str, Run] = {}
        self._to_start: deque[Run] = deque()
        self._boot_id = platform.boot_id()
        self._notes = Notes(spool, loop, self._boot_id)
        self._pids_given_then: Optional[int] = None
        self._is_sampling = False
        self._sampled_at = 0.0
        self._is_closed = False
        self._server_knows = False
        self._no_launches = ""
        self._start_process = ProcessStart(options, platform)

    @property
    def live_count(self) -> int:
        """How many runs have not ended."""
        return len(self._live)

    @property
    def undelivered(self) -> list[Run]:
        """The runs that ended and of which the server has not taken the outcome."""
        return [run for run in self._known.values() if run.outcome is not None]

    def live_of_frame(self, frame_id: str) -> list[Run]:
        """The runs of this frame that have not ended."""
        return [run for run in self._live.values() if run.frame_id == frame_id]

    def live_run(self, run_id: str) -> Optional[Run]:
        """The run of this id, unless it ended or is not known."""
        return self._live.get(run_id)

    def described(self) -> list[dict[str, Any]]:
        """Everything that a report lists."""
        if time.monotonic() - self._sampled_at > 1:
            self._sample()
        return [run.described() for run in self._known.values()]

    # --- a run begins ------------------------------------------------------------------------------------------------

    def launch(self, launch: Mapping[str, Any]) -> None:
        """Take a run over; when this returns it is ours. Raises Refusal. A run that we know is not taken twice."""
        run_id = launch["run_id"]
        if run_id in self._known or self._spool.has_forgotten(run_id):
            return
        check_launch(launch)
        self._refuse_if_unable(launch)
        path = frame_log.log_path(launch["log_dir"], launch["job_name"], launch["frame_name"])
        run = Run(launch, path, int(time.time() * 1000))
        run.launch = launch
        try:
            self._spool.accept(run_id, run.stored(self._boot_id))
        except OSError as problem:
            words = f"agent {self._options.name} cannot write its spool {self._spool.folder}: {problem.strerror};"
            words += " it starts frames again when the folder can be written"
            raise Refusal("RESOURCE_EXHAUSTED", words) from None
        self._capacity.book(run_id, launch["core_units"], launch["memory_kb"])
        self._known[run_id] = self._live[run_id] = run
        self._to_start.append(run)

    def _refuse_if_unable(self, launch: Mapping[str, Any]) -> None:
        if self._is_closed:
            raise Refusal("FAILED_PRECONDITION", f"agent {self._options.name} is stopping")
        if self._no_launches:
            raise Refusal("FAILED_PRECONDITION", f"agent {self._options.name} starts nothing: {self._no_launches}")
        if self._options.become_job_user and launch["uid"] is None:
            words = (
                f"frame {launch['frame_name']} has no uid, and agent {self._options.name} runs frames as the users of"
            )
            words += " their jobs, never as root; submit the job with the number of its user (<uid>)"
            raise Refusal("INVALID_ARGUMENT", words)
        if self._options.on_lost_contact == "continue":
            if not self._server_knows:  # it would count on the lease of the agent before us, and book the frame again
                words = f"agent {self._options.name} has not told the server yet that its frames go on without one"
                raise Refusal("FAILED_PRECONDITION", words)
        elif self._lease.has_lapsed(self._platform.boot_seconds()):
            words = f"agent {self._options.name} had no answer to its reports for {self._lease.seconds:g} s"
            raise Refusal("FAILED_PRECONDITION", words)
        for earlier in self.live_of_frame(launch["frame_id"]):
            words = f"run {earlier.run_id} of frame {launch['frame_name']} has not ended here yet"
            raise Refusal("ABORTED", words)
        if len(self._known) - len(self._live) >= UNDELIVERED_MAX:
            raise Refusal("RESOURCE_EXHAUSTED", f"{UNDELIVERED_MAX} outcomes wait here for the server to take them")
        shortage = self._capacity.refusal(launch["core_units"], launch["memory_kb"])
        if shortage is not None:
            raise Refusal("RESOURCE_EXHAUSTED", f"host {self._options.name}: {shortage}")

    def start_accepted(self, at_most: int) -> bool:
        """Start runs that were accepted; says whether some are left to start."""
        while self._to_start and at_most > 0:
            run = self._to_start.popleft()
            if run.outcome is None:
                at_most -= 1
                self._start(run)
        return bool(self._to_start)

    def _start(self, run: Run) -> None:
        launch, run.launch = run.launch, None
        assert launch is not None, "a run is started once"
        run.start_ms = int(time.time() * 1000)
        run.started_monotonic = time.monotonic()
        try:
            self._start_process(run, launch)
        except LaunchFailed as problem:
            log.warning("no start", run=run.run_id, frame=run.identity["frame_name"], cause=problem.cause, why=problem)
            self._finish(run, problem.cause, FAILED_LAUNCH, 0, message=str(problem))
            return
        assert run.process is not None
        self._notes.add(run, run.started())
        if not self._is_sampling:
            self._is_sampling = True
            self._note_watched()
            self._loop.call_later(self._tick_seconds(), self._tick)

    def lose_spool(self) -> None:
        """Nothing can be kept any more: accept no run; what runs goes on."""
        self._no_launches = f"its spool {self._spool.folder} was deleted, and it ends after its last frame"
        self._notes.give_up()

    def server_knows(self) -> None:
        """A server has on disk what this agent says of itself, so also what it does with its frames without one."""
        self._server_knows = True

    # --- a run goes on -----------------------------------------------------------------------------------------------

    def contact(self, sent_at: float, confirmed: Iterable[str], to_end: Iterable[str]) -> None:
        """A server answered the report that was sent at this moment: end the runs it named, go on with the others."""
        lapsed_before = self._lease.has_lapsed(self._platform.boot_seconds())
        self._lease.renew(sent_at)
        for run_id in to_end:
            run = self._live.get(run_id)
            if run is not None:
                cause = "lease" if lapsed_before or run.is_suspended else "killed"
                self.end(run, cause, "the server no longer counts on this run")
        if self._lease.has_lapsed(self._platform.boot_seconds()):
            return
        for run_id in confirmed:
            run = self._live.get(run_id)
            if run is not None and run.is_suspended and run.process is not None:
                run.is_suspended = False
                self._platform.resume(run.process.pid)
                log.info("run goes on", run=run_id)

    def _tick(self) -> None:
        self._is_sampling = bool(self._live)
        if not self._is_sampling:
            return
        self._sample()
        self._apply_lease()
        self._loop.call_later(self._tick_seconds(), self._tick)

    def _tick_seconds(self) -> float:
        """Seconds to the next look. Never long: the machine may sleep, and timers sleep with it."""
        remaining = self._lease.remaining(self._platform.boot_seconds())
        return max(0.05, min(SAMPLE_SECONDS, remaining)) if remaining > 0 else SAMPLE_SECONDS

    def _sample(self) -> None:
        self._sampled_at = time.monotonic()
        runs = {run.process.pid: run for run in self._live.values() if run.process is not None}
        if not runs:
            return
        for pid, memory in self._platform.usage(runs).items():
            runs[pid].measured(memory)
        self._note_watched()

    def _note_watched(self) -> None:
        """Note for the runner after us that all leaders' pids are theirs until now, and what left their sessions."""
        if any(run.is_lost for run in self._live.values()):
            return  # what an earlier runner noted of them is still needed
        strays = self._platform.strays()
        record = {
            "boot_id": self._boot_id,
            "pids_given": self._platform.pids_given(),
            "strays": {
                run.run_id: sorted(strays[run.process.pid])
                for run in self._live.values()
                if run.process is not None and run.process.pid in strays
            },
        }
        with contextlib.suppress(OSError):  # an older note is a safe one
            self._spool.note_watched(record)

    def _apply_lease(self) -> None:
        policy = self._options.on_lost_contact
        if policy == "continue" or not self._lease.has_lapsed(self._platform.boot_seconds()):
            return
        for run in list(self._live.values()):
            if run.termination is not None or run.process is None or run.leader_has_exited:
                continue
            if run.is_suspended:
                self._platform.suspend(run.process.pid)  # what it was just starting when it was stopped
                continue
            if policy == "kill":
                self.end(run, "lease", f"no server answered for {self._lease.seconds:g} s")
                continue
            run.is_suspended = True
            self._platform.suspend(run.process.pid)
            log.warning("run suspended: no server answers", run=run.run_id, seconds=f"{self._lease.seconds:g}")

    # --- a run ends --------------------------------------------------------------------------------------------------

    def end(self, run: Run, cause: str, words: str, grace_seconds: Optional[float] = None) -> None:
        """Have everything of a run end. The outcome comes when it has; what ended by itself before keeps its own."""
        grace = self._options.kill_grace_seconds if grace_seconds is None else grace_seconds
        if run.is_lost:
            return
        if run.process is None:
            self._finish(run, cause, *status_of(cause, 1, 15), kill_message=words)
            return
        if run.termination is not None:
            run.termination.kill_at = min(run.termination.kill_at, time.monotonic() + grace)
            return
        if run.leader_has_exited or self._platform.has_exited(run.process.pid):
            self.reap()
            return
        log.info("run is being ended", run=run.run_id, cause=cause, why=words)
        run.termination = Termination(cause, words, time.monotonic() + grace)
        # A suspended frame may run elsewhere by now: it gets no chance to do anything, not even to say goodbye.
        end_it = self._platform.kill if run.is_suspended else self._platform.terminate
        run.termination.last_signal = end_it(run.process.pid)
        run.is_suspended = False
        self._look_again(run, LOOK_AGAIN_SECONDS_MIN)

    def end_all(self, cause: str, words: str, grace_seconds: Optional[float] = None) -> None:
        """Accept no run any more, and have all end."""
        self._is_closed = True
        for run in list(self._live.values()):
            self.end(run, cause, words, grace_seconds)

    def reap(self) -> None:
        """See which leaders have ended, and complete the runs of which nothing else is left."""
        exited = [
            (run.process.pid, run)
            for run in self._live.values()
            if run.process is not None and not run.leader_has_exited and self._platform.has_exited(run.process.pid)
        ]
        survivors = self._platform.survivors(pid for pid, _ in exited)
        for pid, run in exited:
            run.leader_has_exited = True
            if pid not in survivors:
                self._complete(run, pid)
            elif run.termination is None:
                # It left processes behind. They hold cores that are about to be given to somebody else.
                log.info("run left processes behind", run=run.run_id, pids=survivors[pid])
                run.termination = Termination("exited", "", time.monotonic() + self._options.kill_grace_seconds)
                self._platform.terminate(pid)
                self._look_again(run, LOOK_AGAIN_SECONDS_MIN)

    def _look_again(self, run: Run, seconds: float) -> None:
        self._loop.call_later(seconds, lambda: self._pursue(run, seconds))

    def _pursue(self, run: Run, waited: float) -> None:
        """Go after what is left of a run that must end, until nothing is."""
        termination = run.termination
        if run.outcome is not None or run.process is None or termination is None:
            return
        pid = run.process.pid
        if run.leader_has_exited and not self._platform.survivors((pid,)):
            self._complete(run, pid)
            return
        if time.monotonic() >= termination.kill_at:
            number = self._platform.kill(pid)
            if not run.leader_has_exited:
                termination.last_signal = number
        self._look_again(run, min(waited * 2, LOOK_AGAIN_SECONDS_MAX))

    def _complete(self, run: Run, pid: int) -> None:
        ending = self._platform.reap(pid)
        termination = run.termination
        ended_by_itself = termination is None or termination.cause == "exited"
        if self._is_closed and ended_by_itself and ending.exit_signal in _STOP_SIGNALS:
            # Whoever stopped the agent (a service manager, Ctrl-C at the moment of a start) signalled the frame too.
            self._finish(run, "shutdown", SKIP_RETRY, 0, ending, kill_message="the agent was told to stop")
            return
        if termination is None or termination.cause == "exited":
            self._finish_itself(run, ending)
            return
        number = ending.exit_signal or termination.last_signal
        exit_status, exit_signal = status_of(termination.cause, 1, number)
        self._finish(run, termination.cause, exit_status, exit_signal, ending, kill_message=termination.words)

    def _finish_itself(self, run: Run, ending: Ending) -> None:
        """The end of a run that nobody ended: where it failed, its log says why."""
        error_line = ""
        if ending.exit_status != 0 and run.log_fd is not None:
            error_line = read_error_line(run.log_path, run.log_fd, run.output_begins_at)
        self._finish(run, "exited", ending.exit_status, ending.exit_signal, ending, error_line=error_line)

    def _finish(
        self, run: Run, cause: str, exit_status: int, exit_signal: int, ending: Optional[Ending] = None, **words: str
    ) -> None:
        """A run has ended: nothing of it is left. `words` are those of `outcome_of`."""
        run.outcome = outcome = outcome_of(run, cause, exit_status, exit_signal, ending, **words)
        run.is_suspended = False
        close_log(run, outcome, self._options.name)
        self._notes.add(run, outcome)
        self._capacity.release(run.run_id)
        self._live.pop(run.run_id, None)
        log.debug("run ended", run=run.run_id, cause=outcome["cause"], exit_status=outcome["exit_status"])
        self._on_outcome(run)

    def acknowledged(self, run_id: str) -> None:
        """The server has this outcome on its disk: forget it, and remember the id for an hour."""
        run = self._known.get(run_id)
        if run is None or run.outcome is None:
            return
        del self._known[run_id]
        self._notes.forget(run)

    # --- after an earlier runner -------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Take over what an earlier runner left: outcomes to deliver, and processes that nobody watches any more.

        Nobody can tell how an orphaned process will have ended, so it is ended now and reported as `runner_lost`.
        """
        orphans: dict[str, Run] = {}
        stored_runs = self._spool.load()
        for run_id, stored in stored_runs.items():
            try:
                run = run_from(stored)
            except (KeyError, TypeError) as problem:
                log.error("spool has a file that is no run", run=run_id, folder=self._spool.folder, why=repr(problem))
                continue
            self._known[run_id] = run
            if run.outcome is None:
                orphans[run_id] = self._live[run_id] = run
        watched = self._spool.watched()
        if watched.get("boot_id") != self._boot_id:
            watched = {}
        self._pids_given_then = watched.get("pids_given")
        this_boot = {}
        for run_id, run in orphans.items():
            run.log_fd = frame_log.reopen(run.log_path, run_id)
            if stored_runs[run_id].accepted.get("boot_id") == self._boot_id:
                strays = frozenset(Process(*stray) for stray in watched.get("strays", {}).get(run_id, ()))
                this_boot[run_id] = run.traces = Traces(run.process, run.log_file(), strays)
        found = self._platform.adopt(this_boot, self._pids_given_then) if this_boot else {}
        for run_id, run in orphans.items():
            self._capacity.book(run_id, run.identity["core_units"], 0)
            run.is_lost, run.process, run.remains = True, None, found.get(run_id, [])
            log.warning("run lost its runner", run=run_id, pids=[process.pid for process in run.remains])
            self._bury(run, LOOK_AGAIN_SECONDS_MIN)

    def _bury(self, run: Run, waited: float) -> None:
        run.remains = self._platform.kill_verified(run.remains)
        if run.remains:
            self._loop.call_later(waited, lambda: self._bury(run, min(waited * 2, LOOK_AGAIN_SECONDS_MAX)))
            return
        # What it forked while it was being ended.
        again = run.traces and self._platform.adopt({run.run_id: run.traces}, self._pids_given_then)
        if again:
            run.remains = again[run.run_id]
            self._loop.call_later(waited, lambda: self._bury(run, waited))
            return
        self._finish(run, "runner_lost", RUNNER_LOST, 0, message="the process that watched this run died")
