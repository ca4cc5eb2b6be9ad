"""What happens to runs: accepted, started, suspended, ended, delivered, forgotten."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Callable, Optional

from rqd import log
from rqd.options import Options
from rqd.platform import Platform
from rqd.runner import frame_log
from rqd.runner.capacity import Capacity
from rqd.runner.error_line import read_error_line
from rqd.runner.lease import Lease
from rqd.runner.loop import Loop
from rqd.runner.lost_contact_words import LostContact
from rqd.runner.outcome import (
    FAILED_LAUNCH,
    RUNNER_LOST,
    SKIP_RETRY,
    Outcome,
    outcome_of,
    status_of,
    stored,
    told_of,
    write_foot,
)
from rqd.runner.run import UNKILLABLE_SECONDS, Refusal, Run, check_launch, record_of, run_from, unreadable_run
from rqd.runner.shortage import SHORTAGE_GRACE_SECONDS, Shortage
from rqd.runner.spool import Spool
from rqd.runner.start import LaunchFailed, ProcessStart
from rqd.supervisor import book
from rqd.supervisor.book import Page

UNDELIVERED_MAX = 5000
SAMPLE_SECONDS = 5.0
SUPERVISOR_SILENT_SECONDS = 30.0
STANDING_SECONDS = 86_400.0
"""So long after its lease nobody comes back for a run."""
OWNERS_MAX = 20
"""Agents that had a book, as it says."""
LOOK_AGAIN_SECONDS_MIN = 0.02
LOOK_AGAIN_SECONDS_MAX = 0.5
POLICIES = {"suspend": book.SUSPEND, "continue": book.CONTINUE, "kill": book.KILL}  # the stricter, the greater


class Runs:
    """All runs that this runner knows: those that run, and those whose outcome the server does not have yet.

    What a run does is its supervisor's business; what is wanted of it, and what became of it, stands in its page of the
    book. The lease is there as well, so that it holds whoever is dead.
    """

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
        self._lost_contact = LostContact(options.on_lost_contact, lease.seconds)
        self._on_outcome = on_outcome
        self._known: dict[str, Run] = {}
        self._live: dict[str, Run] = {}
        self._by_supervisor: dict[int, Run] = {}
        self._to_start: deque[Run] = deque()
        self._boot_id = platform.boot_id()
        self._is_looking_after = False
        self._is_closed = False
        self._server_knows = False
        self._oom_kills: Optional[tuple[float, int]] = None  # of the machine since its boot, and when that was read
        self.no_launches = ""
        """Why none is taken until this agent ends, in words; empty while they are."""
        self._shortage = Shortage(platform, options.memory_low_mb)
        self._start_process = ProcessStart(options, platform, spool.book)
        platform.receive_orphans()
        servers = options.server_file or ",".join(options.servers)
        spool.adopt(platform.abandoned_books(options.name, servers))
        for pages in spool.books:
            head = pages.head
            head["host_name"], head["servers"] = options.name, servers
            head["sample_ns"] = int(SAMPLE_SECONDS * 1e9)
            head["standing_ns"] = int(STANDING_SECONDS * 1e9)
            head["group_folder"] = platform.groups_folder()
            head["unkillable_ns"] = int(UNKILLABLE_SECONDS * 1e9)
            head["utc_offset_s"] = time.localtime().tm_gmtoff
            policy = POLICIES[options.on_lost_contact]
            # Until the server knows better it counts on what was told before of what runs.
            head["policy"] = max(policy, head["policy"]) if pages.in_use() else policy
        self.succeeds = self._take_over_books()
        """Agents with other spools whose runs go on under this one."""

    @property
    def live_count(self) -> int:
        """How many runs have not ended."""
        return len(self._live)

    @property
    def undelivered(self) -> list[Run]:
        """The runs that ended and of which the server has not taken the outcome."""
        return [run for run in self._known.values() if run.outcome is not None]

    def live_of_frame(self, frame_id: str) -> list[Run]:
        """The runs that have not ended and may be this frame's: of one with a damaged record nobody knows."""
        return [run for run in self._live.values() if run.frame_id in (frame_id, "")]

    def live_run(self, run_id: str) -> Optional[Run]:
        """The run of this id, unless it ended or is not known."""
        return self._live.get(run_id)

    def described(self) -> list[dict[str, Any]]:
        """Everything that a report lists."""
        return [run.described() for run in self._known.values()]

    # --- a run begins ------------------------------------------------------------------------------------------------

    def launch(self, launch: Mapping[str, Any]) -> None:
        """Take a run over; when this returns it is ours. Raises Refusal. A run that we know is not taken twice."""
        run_id = launch["run_id"]
        if run_id in self._known or self._spool.has_forgotten(run_id):
            return
        check_launch(launch)
        self._refuse_if_unable(launch)
        path = frame_log.log_path(os.path.join(launch["log_dir"], *launch["log_path"]), *launch["log_parts"])
        page = self._page_for(run_id)
        try:
            run = self._prepared(launch, path, page)
        except BaseException:
            self._spool.give_back(page)
            raise
        self._capacity.book(run_id, launch["core_units"], launch["memory_kb"])
        self._known[run_id] = self._live[run_id] = run
        self._to_start.append(run)

    def _prepared(self, launch: Mapping[str, Any], path: str, page: Page) -> Run:
        """Write a run on its page. The last word is the phase: before it the page is nobody's."""
        start_seconds = launch["limits"]["start_seconds"]
        start_until_s = self._platform.boot_seconds() + start_seconds if start_seconds else 0.0
        run = Run(launch, path, int(time.time() * 1000), page, start_until_s)
        run.launch = launch
        record = record_of(run, self._boot_id)
        if not page.has_room("record", record):
            raise Refusal(
                "INVALID_ARGUMENT", f"frame {launch['frame_name']}: its names and its log's path are too long"
            )
        page["kill_grace_ms"] = int(self._options.kill_grace_seconds * 1000)
        page["log_max_bytes"] = self._options.log_max_mb << 20
        page["oom_score_adj"] = self._platform.frames_oom_score()
        page["record"] = record
        _write_limits(page, launch["limits"])
        page["phase"] = book.PREPARED
        return run

    def _page_for(self, run_id: str) -> Page:
        try:
            return self._spool.book.take(run_id)
        except OSError as problem:
            detail = f"agent {self._options.name} cannot write its spool {self._spool.folder}: {problem.strerror};"
            detail += " it starts frames again when the folder can be written"
            raise Refusal("RESOURCE_EXHAUSTED", detail) from None

    def _refuse_if_unable(self, launch: Mapping[str, Any]) -> None:
        if self._is_closed:
            raise Refusal("FAILED_PRECONDITION", f"agent {self._options.name} is stopping")
        if self.no_launches:
            raise Refusal("FAILED_PRECONDITION", f"agent {self._options.name} starts nothing: {self.no_launches}")
        if self._options.become_job_user and launch["uid"] is None:
            detail = (
                f"frame {launch['frame_name']} has no uid, and agent {self._options.name} runs frames as the users of"
            )
            detail += " their jobs, never as root; submit the job with the number of its user (<uid>)"
            raise Refusal("INVALID_ARGUMENT", detail)
        if self._options.on_lost_contact == "continue":
            if not self._server_knows:  # it would count on the lease of the agent before us, and book the frame again
                detail = f"agent {self._options.name} has not told the server yet that its frames go on without one"
                raise Refusal("FAILED_PRECONDITION", detail)
        elif self._lease.has_lapsed(self._platform.boot_seconds()):
            detail = f"agent {self._options.name} had no answer to a report of the last {self._lease.seconds:g} s"
            raise Refusal("FAILED_PRECONDITION", detail)
        for earlier in self.live_of_frame(launch["frame_id"]):
            detail = f"run {earlier.run_id} of frame {launch['frame_name']} has not ended here yet"
            raise Refusal("ABORTED", detail)
        if len(self._known) - len(self._live) >= UNDELIVERED_MAX:
            raise Refusal("RESOURCE_EXHAUSTED", f"{UNDELIVERED_MAX} outcomes wait here for the server to take them")
        shortage = self._capacity.refusal(launch["core_units"], launch["memory_kb"])
        if shortage is not None:
            raise Refusal("RESOURCE_EXHAUSTED", f"host {self._options.name}: {shortage}")

    def start_accepted(self, at_most: int) -> bool:
        """Start runs that were accepted; says whether some are left to start."""
        while self._to_start and at_most > 0:
            run = self._to_start.popleft()
            if run.outcome is not None:
                continue
            at_most -= 1
            if _is_late(run, self._platform.boot_seconds()):  # those before it waited for a disk
                run.is_late = True
                self._finish_lost(run)
            else:
                self._start(run)
        return bool(self._to_start)

    def _start(self, run: Run) -> None:
        launch, run.launch = run.launch, None
        assert launch is not None, "a run is started once"
        try:
            pid = self._start_process(run, launch)
        except LaunchFailed as problem:
            log.warning("no start", run=run.run_id, frame=run.identity["frame_name"], cause=problem.cause, why=problem)
            self._finish_unsupervised(run, problem.cause, FAILED_LAUNCH, message=str(problem))
            return
        self._supervised(run, pid)

    def _supervised(self, run: Run, pid: int) -> None:
        run.supervisor = pid
        run.supervised_at = self._platform.boot_seconds()
        self._by_supervisor[pid] = run
        if not self._is_looking_after:
            self._is_looking_after = True
            self._note_machine()
            self._loop.call_later(SAMPLE_SECONDS, self._look_after)

    def lose_spool(self) -> None:
        """Nothing can be kept any more: accept no run; what runs goes on."""
        self.no_launches = (
            f"its spool was deleted; there, `rqd restart --spool {self._spool.folder}` lets it take work again and"
            " loses no frame, else it ends after its last one"
        )

    def server_knows(self) -> None:
        """A server has on disk what this agent says of itself, so also what it does with its frames without one."""
        self._server_knows = True
        for pages in self._spool.books:
            pages.head["policy"] = POLICIES[self._options.on_lost_contact]

    # --- a run goes on -----------------------------------------------------------------------------------------------

    def limit(self, run_id: str, limits: Mapping[str, int]) -> None:
        """What a run may, from now on. One that has ended, or was never here, has no use for it."""
        run = self._live.get(run_id)
        if run is not None:
            _write_limits(run.page, limits)

    def contact(self, sent_at: float, confirmed: Iterable[str], to_end: Iterable[str]) -> None:
        """A server answered the report that was sent at this moment: end the runs it named, go on with the others."""
        confirmed, to_end = set(confirmed), set(to_end)
        self._lease.renew(sent_at)
        self._write_lease()
        for run_id in to_end:
            run = self._live.get(run_id)
            if run is not None:
                self.end(run, "lease", "the server no longer counts on this run")
        if self._lease.has_lapsed(self._platform.boot_seconds()):
            return
        if confirmed or to_end or not self._known:  # the first report of a link names nothing
            self._lost_contact.regained(len(confirmed & self._live.keys()), len(to_end & self._live.keys()))
        for run_id in confirmed:
            run = self._live.get(run_id)
            if run is not None and run.is_suspended and not run.is_to_end:
                self._order(run, book.ORDER_RESUME)
                log.info("run goes on", run=run_id)

    def look_at_lease(self) -> None:
        """Say when frames have stopped for want of a server, which their supervisors see to."""
        until_ns = max(pages.head["lease_until_ns"] for pages in self._spool.books)
        self._lost_contact.look(self._platform.boot_seconds(), until_ns / 1e9, self.live_count)

    def _write_lease(self) -> None:
        until = self._lease.answered_report_sent_at + self._lease.seconds
        for pages in self._spool.books:
            pages.head["lease_until_ns"] = int(until * 1e9)

    def _look_after(self) -> None:
        """See whether supervisors do their work, whether runs end that should, and whether there is memory left.

        Should a supervisor hang, the lease binds its frame all the same.
        """
        self._is_looking_after = bool(self._live)
        if not self._is_looking_after:
            return
        now = self._platform.boot_seconds()
        self._note_machine()
        too_large = self._shortage.run_to_end(self._live.values())
        if too_large is not None:
            self.end(*too_large, SHORTAGE_GRACE_SECONDS)
        for run in list(self._live.values()):
            self._say_stuck(run)
            if run.supervisor is not None and _is_late(run, now):
                self._end_late_start(run, run.supervisor)
                continue
            silent_since = run.page["alive_ns"] / 1e9 or run.supervised_at
            if run.supervisor is None or now - silent_since < SUPERVISOR_SILENT_SECONDS:
                continue
            log.warning("supervisor is silent", run=run.run_id, pid=run.supervisor, seconds=f"{now - silent_since:.0f}")
            self._platform.wake_supervisor(run.supervisor)
            if silent_since != run.silent_since:  # stopped, or the machine has just slept: it may go on now
                run.silent_since = silent_since
            elif self._is_beyond_its_lease(run, now):
                self._platform.kill_supervisor(run.supervisor)
            elif 0 < run.to_end_since < now - SUPERVISOR_SILENT_SECONDS:
                self._end_unheard(run, run.supervisor)
        self._loop.call_later(SAMPLE_SECONDS, self._look_after)

    def _is_beyond_its_lease(self, run: Run, now: float) -> bool:
        """Say whether a run should stand still and does not: by the book, whichever agent granted the lease."""
        head = self._spool.book_of(run.page).head
        return head["policy"] != book.CONTINUE and 0 < head["lease_until_ns"] < now * 1e9 and not run.is_suspended

    def _end_late_start(self, run: Run, supervisor: int) -> None:
        """End what waits for a disk, such as that of its program: its supervisor waits with it, and can do nothing."""
        run.is_late = True
        log.warning("run did not start in time", run=run.run_id, frame=run.identity["frame_name"])
        self._platform.kill_supervisor(supervisor)

    def _end_unheard(self, run: Run, supervisor: int) -> None:
        """End a run whose supervisor does not hear that it should; perhaps its frame traces it."""
        log.error("supervisor does not end its run, and is killed", run=run.run_id, pid=supervisor)
        run.log_fd = None  # still open, since it may be the log's disk that it waits for: closing would wait as well
        self._platform.kill_supervisor(supervisor)

    def _note_machine(self) -> None:
        """Tell supervisors what they judge by: of OOM kills the count of one look ago, since it rises before an end."""
        now, oom_kills = self._platform.boot_seconds(), self._platform.oom_kills()
        before, self._oom_kills = self._oom_kills or (now, oom_kills), (now, oom_kills)
        for pages in self._spool.books:
            pages.head["live_runs"] = len(self._live)
            pages.head["utc_offset_s"] = time.localtime().tm_gmtoff
            pages.head["oom_kills"], pages.head["oom_kills_at_ns"] = before[1], int(before[0] * 1e9)

    def _say_stuck(self, run: Run) -> None:
        """Log once what does not end although it was killed. Reports say it as long as it is so."""
        detail = run.stuck()
        if detail and not run.is_told_stuck:
            log.error("run does not end, and keeps its cores and memory", run=run.run_id, what=detail)
        run.is_told_stuck = bool(detail)

    # --- a run ends --------------------------------------------------------------------------------------------------

    def end(self, run: Run, cause: str, detail: str, grace_seconds: Optional[float] = None) -> None:
        """Have everything of a run end. The outcome comes when it has; what ended by itself before keeps its own."""
        if run.is_lost or run.outcome is not None:
            return
        if run.supervisor is None:
            exit_status, exit_signal = status_of(cause, 1, signal.SIGTERM)
            self._finish_unsupervised(run, cause, exit_status, exit_signal, kill_message=detail)
            return
        grace = self._options.kill_grace_seconds if grace_seconds is None else grace_seconds
        log.info("run is being ended", run=run.run_id, cause=cause, why=detail)
        self._order(run, book.ORDER_END, grace, cause, detail)

    def _order(self, run: Run, order: int, grace_seconds: float = 0.0, cause: str = "", detail: str = "") -> None:
        page, grace_ms = run.page, int(grace_seconds * 1000)
        if order == book.ORDER_END and not run.to_end_since:
            run.to_end_since = self._platform.boot_seconds()
        if run.is_to_end and page["order_number"] != page["order_done"]:  # the first cause stays, in the lesser time
            page["order_grace_ms"] = min(grace_ms, page["order_grace_ms"])
        else:
            page["order"] = 0  # what is being written is no order yet
            page["order_grace_ms"], page["order_cause"], page["order_words"] = grace_ms, cause, detail
            page["order"] = order
            page["order_number"] = page["order_number"] + 1
        if run.supervisor is not None:
            self._platform.call_supervisor(run.supervisor)

    def close(self) -> None:
        """Accept no run any more. What runs goes on without us; what was accepted and not started waits again."""
        self._is_closed = True
        for run in list(self._to_start):
            self.end(run, "shutdown", "the agent was told to stop before it started")

    def told_to_stop(self) -> None:
        """Let supervisors know when this agent was told to stop: whoever told it may have told their frames too."""
        self._note_stop(int(self._platform.boot_seconds() * 1e9))

    def _note_stop(self, at_ns: int) -> None:
        for pages in self._spool.books:
            pages.head["told_to_stop_ns"] = at_ns

    def end_all(self, cause: str, detail: str, grace_seconds: Optional[float] = None) -> None:
        """Accept no run any more, and have all end."""
        self.close()
        for run in list(self._live.values()):
            self.end(run, cause, detail, grace_seconds)

    def reap(self, others: Iterable[int]) -> None:
        """See which supervisors have ended; `others` are children that somebody else waits for."""
        for pid in self._platform.collect(frozenset(others)):
            run = self._by_supervisor.get(pid)
            if run is not None:
                self._supervisor_ended(run)

    def _supervisor_ended(self, run: Run) -> None:
        """It has written down how its run ended, or was killed before it could."""
        if run.supervisor is None:
            return  # a child that we also watch, since an earlier program of this process was its parent
        self._by_supervisor.pop(run.supervisor, None)
        if run.page["phase"] != book.ENDED:  # what it had counted may be some seconds old
            run.page["run_ms"] = run.ran_ms()
        run.supervisor = None
        if run.watch_fd is not None:
            self._loop.forget(run.watch_fd)
            os.close(run.watch_fd)
            run.watch_fd = None
        if run.page["phase"] != book.ENDED:
            if not run.is_late:
                log.error("supervisor was lost", run=run.run_id)
            self._lose(run)
        else:
            self._complete(run)

    def _complete(self, run: Run) -> None:
        page = run.page
        error_line = ""
        if page["end_cause"] == "exited" and page["exit_status"] and run.log_fd is not None:
            output = (page["output_begins_at"], page["output_ends_at"])
            error_line = read_error_line(run.log_path, run.log_fd, *output)
        self._finish(run, told_of(run, error_line))

    def _finish_unsupervised(
        self, run: Run, cause: str, exit_status: int, exit_signal: int = 0, **messages: str
    ) -> None:
        """A run has ended that nobody watches. `messages` are those of `outcome_of`."""
        outcome = outcome_of(run, cause, exit_status, exit_signal, **messages)
        write_foot(run, outcome, self._options.name)
        self._finish(run, outcome)

    def _finish(self, run: Run, outcome: Outcome) -> None:
        """A run has ended: nothing of it is left."""
        run.outcome = outcome
        run.page["outcome"] = stored(outcome)
        run.page["phase"] = book.TOLD
        if run.log_fd is not None:
            with contextlib.suppress(OSError):  # a network disk may report here that it is full
                os.close(run.log_fd)
            run.log_fd = None
        self._capacity.release(run.run_id)
        self._live.pop(run.run_id, None)
        if outcome["left_behind"]:
            log.info("run left processes behind, which were ended", run=run.run_id, which=outcome["left_behind"])
        log.debug("run ended", run=run.run_id, cause=outcome["cause"], exit_status=outcome["exit_status"])
        self._on_outcome(run)

    def acknowledged(self, run_id: str) -> None:
        """The server has this outcome on its disk: forget it, and remember the id for an hour."""
        run = self._known.get(run_id)
        if run is None or run.outcome is None:
            return
        del self._known[run_id]
        self._spool.forget(run_id)
        self._spool.give_back(run.page)

    # --- after an earlier runner -------------------------------------------------------------------------------------

    def _take_over_books(self) -> list[str]:
        """Learn from the books who had them, and write that down for whoever comes next.

        Only supervisors that live prove that it was here: the copy of a disk has the words as well.
        """
        own, before = self._spool.instance, []
        for pages in self._spool.books:
            owners = str(pages.head["owners"]).split() if any(map(self._is_supervised, pages.in_use())) else []
            before += owners
            others = [one for one in owners if one != own]
            pages.head["owners"] = " ".join([*others[-OWNERS_MAX:], own])
        return [one for one in dict.fromkeys(before) if one != own]

    def _is_supervised(self, page: Page) -> bool:
        return self._platform.find_supervisor(page["supervisor_pid"], page["run_id"]) is not None

    def recover(self) -> None:
        """Take over what earlier runners left: outcomes to deliver, and runs that their supervisors went on with."""
        lost = [run for run in self._recovered() if not self._take_over(run)]
        for run in lost:  # only now: what comes from a living supervisor is told apart from what a dead one left
            log.warning("run lost its supervisor", run=run.run_id)
            self._lose(run)
        self._note_stop(0)

    def _recovered(self) -> Iterable[Run]:
        """The runs of this boot that have not ended; what is to be told of the others is settled."""
        for page in [page for pages in self._spool.books for page in pages.in_use()]:
            try:
                run, boot_id = run_from(page)
            except (KeyError, TypeError, ValueError) as problem:
                log.error("a page of the book is damaged", run=page["run_id"], folder=self._spool.folder, why=problem)
                try:
                    run, boot_id = unreadable_run(page), self._boot_id
                except ValueError:
                    self._spool.give_back(page)
                    continue
            self._known[run.run_id] = run
            if run.outcome is not None:
                continue
            self._live[run.run_id] = run
            self._capacity.book(run.run_id, run.identity["core_units"], run.identity["memory_kb"])
            run.log_fd = frame_log.reopen(run.log_path, run.run_id)
            if boot_id == self._boot_id:
                yield run
            elif page["phase"] == book.ENDED:
                self._complete(run)
            else:
                self._finish_lost(run)

    def _take_over(self, run: Run) -> bool:
        """Watch a run from now on, or see how it ended; says whether either can be done."""
        pid = self._platform.find_supervisor(run.page["supervisor_pid"], run.run_id)
        if pid is None and run.page["phase"] == book.ENDED:  # also of one that ended while we looked
            self._complete(run)
            return True
        if pid is None:
            return False
        self._supervised(run, pid)
        self._watch(run, pid)
        if run.is_to_end and run.supervisor is not None:
            run.to_end_since = self._platform.boot_seconds()
        if self._spool.is_read_only:  # it would not see what we want of it, nor we how it ends
            log.warning("run is ended: the spool takes no writes", run=run.run_id, folder=self._spool.folder)
            self._platform.kill_supervisor(pid)
        elif not run.frame_id:
            log.warning("run is ended: its page in the book is damaged", run=run.run_id)
            self._platform.kill_supervisor(pid)
        else:
            log.info("run is taken over", run=run.run_id, supervisor=pid)
        return True

    def _watch(self, run: Run, pid: int) -> None:
        """Learn when a supervisor ends that is not our child."""
        try:
            run.watch_fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._supervisor_ended(run)
            return
        except (OSError, AttributeError):  # a kernel before 5.3, a Python built on one, or a sandbox that has none
            self._loop.call_later(LOOK_AGAIN_SECONDS_MAX, lambda: self._look_whether_ended(run))
            return
        self._loop.watch(run.watch_fd, lambda _: self._supervisor_ended(run))

    def _look_whether_ended(self, run: Run) -> None:
        if run.supervisor is None:
            return
        if self._platform.find_supervisor(run.supervisor, run.run_id) is None:
            self._supervisor_ended(run)
        else:
            self._loop.call_later(LOOK_AGAIN_SECONDS_MAX, lambda: self._look_whether_ended(run))

    # --- after the death of a supervisor -----------------------------------------------------------------------------

    def _lose(self, run: Run) -> None:
        """Nobody can tell how it would have ended: what is left of it is ended now."""
        run.is_lost, run.lost_at = True, time.monotonic()
        run.orphans = self._orphans(run)
        self._bury(run, LOOK_AGAIN_SECONDS_MIN)

    def _bury(self, run: Run, waited: float) -> None:
        run.orphans = self._platform.kill_verified(run.orphans)
        if not run.orphans:
            run.orphans = self._orphans(run)  # what it forked while it was being ended
        if run.orphans and not (run.is_late and waited >= LOOK_AGAIN_SECONDS_MAX):
            self._loop.call_later(waited, lambda: self._bury(run, min(waited * 2, LOOK_AGAIN_SECONDS_MAX)))
            return
        self._finish_lost(run)

    def _orphans(self, run: Run) -> list[Any]:
        return self._platform.orphans(run.run_id, run.traces(), self._by_supervisor)

    def _finish_lost(self, run: Run) -> None:
        if run.page["group"]:
            self._platform.drop_group(run.page["group"])
        if run.is_late:  # what still hangs in the kernel is killed already, and ends before it is anybody's command
            detail = "its command did not become a process in time; look at the disks of its program and its folders"
            self._finish_unsupervised(run, "start_limit", SKIP_RETRY, message=detail)
            return
        detail = "the process that watched this run died"
        self._finish_unsupervised(run, "runner_lost", RUNNER_LOST, message=detail)


def _write_limits(page: Page, limits: Mapping[str, int]) -> None:
    """More than the book can hold is as good as what it can: that is never reached."""
    page["timeout_ms"] = min(limits["run_seconds"] * 1000, book.NUMBER_MAX)
    page["silence_ms"] = min(limits["silence_seconds"] * 1000, book.NUMBER_MAX)
    page["memory_max_kb"] = min(limits["memory_kib"], book.NUMBER_MAX)


def _is_late(run: Run, now_s: float) -> bool:
    """Say whether a run should have a process by now and has none."""
    return run.page["phase"] == book.PREPARED and 0 < run.start_until_s < now_s and not run.is_late
