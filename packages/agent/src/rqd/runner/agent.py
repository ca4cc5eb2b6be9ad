"""The runner process: puts its parts together, answers the link, and stops in good order."""

from __future__ import annotations

import dataclasses
import enum
import os
import signal
import sys
import time
import traceback
from typing import Any, Callable, Optional

from rqd import __version__, beforehand, log, signals
from rqd.options import Options
from rqd.platform import HostSize, Platform
from rqd.runner.anew import Anew
from rqd.runner.capacity import KB_PER_GIB, UNITS_PER_CORE, Capacity
from rqd.runner.lease import Lease
from rqd.runner.link_process import LinkProcess, Message
from rqd.runner.loop import Loop
from rqd.runner.reboot import reboot
from rqd.runner.run import Refusal, Run
from rqd.runner.runs import Runs
from rqd.runner.spool import Spool, SpoolInUse, has_unsettled_runs
from rqd.supervisor.book import NoBook

SPOOL_LOST = 74
"""The exit status of an agent whose spool was deleted: another one can go on where it stood."""
BOOK_ADVICE = (
    "frames of an earlier agent may go on until their lease is over. If another version wrote it, start that one until"
    " it has told all its runs; else end what is left of them, move the file away, and start this one again"
)
NO_REBOOT = (
    "agent {name} does not reboot its machine: it was started without --reboot-command, such as"
    " --reboot-command 'systemctl reboot'"
)
STARTS_PER_TURN = 8
DELIVERY_SECONDS = 3.0
HURRIED_DELIVERY_SECONDS = 0.5
NAMED_MAX = 20
LINK_STOP_SECONDS = 6.0  # it says goodbye first, if need be to a server that does not answer
LINK_HURRIED_STOP_SECONDS = 0.5
IDLE_LOOK_SECONDS = 1.0
RECOVERY_LOOK_SECONDS = 0.05


def run_agent(options: Options, platform: Platform) -> int:
    """Run until told to stop; returns the process's exit status."""
    try:
        spool = Spool(options.spool, platform.boot_seconds)
        os.makedirs(options.temp, exist_ok=True)
    except SpoolInUse as problem:
        log.error(str(problem))
        return problem.status
    except NoBook as problem:
        log.error(f"{problem}; {BOOK_ADVICE}")
        return beforehand.CANNOT_START
    except OSError as problem:
        where = problem.filename or options.spool
        log.error(f"{where}: {problem.strerror}; give rqd folders that it can write (--spool, --temp)")
        return 1
    if not has_unsettled_runs(options.spool):  # what an earlier agent left is ended first, and told if it can be
        try:
            beforehand.check(options)
        except beforehand.CannotStart as problem:
            log.error(str(problem))
            return problem.status
    return Agent(options, platform, spool).run()


class Way(enum.Enum):
    """How an agent ends."""

    STOP = "all frames are ended and wait again"
    LEAVE = "frames go on without an agent"
    RESTART = "frames go on, and this process becomes the agent anew"


class Agent:
    """The runner. One thread; every call below is made from its loop."""

    def __init__(self, options: Options, platform: Platform, spool: Spool) -> None:
        self._options = options
        self._platform = platform
        self._spool = spool
        self._anew = Anew()
        self._loop = Loop()
        self._size = _offered(options, platform.host_size())
        self._capacity = Capacity(self._size.cores * UNITS_PER_CORE, self._size.memory_kb)
        self._boot_time = spool.boot_time(platform.boot_id())
        self._lease = Lease(options.lease_seconds, platform.boot_seconds())
        self._runs = Runs(
            options=options,
            platform=platform,
            loop=self._loop,
            spool=spool,
            capacity=self._capacity,
            lease=self._lease,
            on_outcome=self._tell_outcome,
        )
        self._link = LinkProcess(self._loop, options.arguments, self._answer, self._tell_everything, self._give_up)
        self._way: Optional[Way] = None
        self._is_hurried = False
        self._is_second_try = False
        self._when_idle: Optional[Callable[[], None]] = None
        self._is_done = False
        self._exit_status = 0
        self._is_hopeless = False
        self._is_to_reboot = False
        self._has_lost_spool = False
        self._requests: dict[str, Callable[[Message], Any]] = {
            "hello": self._on_hello,
            "launch": lambda message: self._runs.launch(message["launch"]),
            "limit": lambda message: self._runs.limit(message["run_id"], message["limits"]),
            "kill": self._on_kill,
            "runs": self._on_runs,
            "find": self._on_find,
            "known": lambda _: self._runs.server_knows(),
            "contact": lambda message: self._runs.contact(message["sent_at"], message["confirmed"], message["end"]),
            "acknowledged": lambda message: self._runs.acknowledged(message["run_id"]),
            "lock": self._on_lock,
            "unlock": self._on_unlock,
            "shutdown": lambda message: self._end_by_order(self.stop, message["when_idle"]),
            "restart": self._on_restart,
            "reboot": self._on_reboot,
        }

    def run(self) -> int:
        """Serve until stopped; returns the exit status."""
        self._loop.on_signal(signals.STOP, self.stop)
        self._loop.on_signal(signals.LEAVE, self.leave)
        self._loop.on_signal(signals.HANG_UP, self._hang_up)
        self._loop.on_signal(signals.RESTART, self.restart)
        self._loop.on_signal(signal.SIGCHLD, self._children_changed)
        signals.obey()
        log.info(
            "agent started",
            version=__version__,
            pid=os.getpid(),
            name=self._options.name,
            cores=self._size.cores,
            memory_kb=self._size.memory_kb,
            spool=self._spool.folder,
            instance=self._spool.instance,
        )
        self._runs.recover()
        if self._options.only_recover:
            self._runs.end_all("shutdown", "the agent takes no work")
            self._end_when_recovered()
        self._link.start()
        self._children_changed()  # those of before a restart may have ended while nobody heard of it
        self._watch_idleness()
        more_to_start = False
        while not self._is_done:
            self._loop.turn(wait=not more_to_start)
            self._link.flush()  # accepted launches are answered before they are started
            more_to_start = self._runs.start_accepted(STARTS_PER_TURN)
            self._link.flush()
        self._say_what_is_lost()
        self._say_what_is_untold()
        if self._way is Way.RESTART or (self._is_to_reboot and not reboot(self._options.reboot_command)):
            return self._start_anew()
        log.info("agent stopped", undelivered=len(self._runs.undelivered), frames_go_on=self._runs.live_count)
        return self._exit_status

    def stop(self) -> None:
        """End all frames, deliver what can be, and end. The second time: without grace, and hardly waiting."""
        detail = "the agent was told to stop"
        if self._way is Way.STOP:
            self._is_hurried = True
            self._runs.end_all("shutdown", detail, grace_seconds=0)
            return
        is_ending = self._way is not None
        self._begin_to_end(Way.STOP)
        self._runs.told_to_stop()
        self._runs.end_all("shutdown", detail)
        if not is_ending:
            self._await_runs()

    def reboot(self) -> None:
        """End all frames as for a stop, and then reboot the machine."""
        if self._way is None:
            self._is_to_reboot = True
            self.stop()

    def leave(self) -> None:
        """End and let frames go on, for the next agent of this spool to take over. The second time: hardly waiting.

        The first process of a container takes everything there with it, so it ends its frames in good order.
        """
        if self._way is Way.STOP or os.getpid() == 1:
            self.stop()
        elif self._way is Way.LEAVE:
            self._is_hurried = True
        else:
            is_ending = self._way is not None
            self._begin_to_end(Way.LEAVE)
            self._runs.told_to_stop()
            if not is_ending:
                self._await_delivery(time.monotonic() + DELIVERY_SECONDS)

    def restart(self) -> None:
        """Let frames go on, and be the same command anew in this process: what runs then is what is installed then.

        Where that one could not start, this one goes on.
        """
        if self._way is not None:
            return
        why_not = self._why_no_restart()
        if why_not:
            log.error("this agent does not start anew, and goes on as it is", why=why_not)
            self._spool.note_refusal(why_not)
            self._take_back_order()
            return
        self._begin_to_end(Way.RESTART)
        self._await_delivery(time.monotonic() + DELIVERY_SECONDS)

    def _why_no_restart(self) -> str:
        """Why the same command could not start now, or not without a loss, in words; empty where it could."""
        if self._runs.undelivered and not self._spool.is_there():
            count = len(self._runs.undelivered)
            return f"its spool was deleted, and the server has not heard yet how {count} of its frames ended"
        try:
            beforehand.check(dataclasses.replace(self._options, port=0))  # its own port is taken: by itself
        except beforehand.CannotStart as problem:
            return str(problem)
        return ""

    def _take_back_order(self) -> None:
        """What waits for the last frame is not done."""
        if self._when_idle is not None:
            self._when_idle = None
            self._capacity.unlock(self._capacity.core_units)

    def _start_anew(self) -> int:
        log.info("agent starts anew", pid=os.getpid(), runs=self._runs.live_count)
        try:
            self._anew.run()
        except OSError as problem:
            log.error("this agent cannot be started anew: start it by hand; its frames go on", why=problem)
        return 1

    def _hang_up(self) -> None:
        """A terminal was closed, or a service manager sends this beside its SIGTERM: that hurries nothing."""
        if self._way is None:
            self.leave()

    def _begin_to_end(self, way: Way) -> None:
        log.info("agent is ending", runs=self._runs.live_count, how=way.value)
        self._way = way
        self._link.send({"stopping": True})
        self._runs.close()

    def _end_when_recovered(self) -> None:
        """End once nothing is left to end or to deliver. The server knows this host as down from the first report."""
        if self._way is not None:
            return
        if self._runs.live_count or self._runs.undelivered:
            self._loop.call_later(RECOVERY_LOOK_SECONDS, self._end_when_recovered)
            return
        self.stop()

    def _await_runs(self) -> None:
        if self._runs.live_count:
            self._loop.call_later(0.02, self._await_runs)
            return
        give_up_at = time.monotonic() + DELIVERY_SECONDS
        self._await_delivery(give_up_at)

    def _await_delivery(self, give_up_at: float) -> None:
        hurry_seconds = DELIVERY_SECONDS - HURRIED_DELIVERY_SECONDS if self._is_hurried else 0.0
        is_patient = time.monotonic() < give_up_at - hurry_seconds
        if self._runs.undelivered and self._link.is_running and is_patient:
            self._loop.call_later(0.02, lambda: self._await_delivery(give_up_at))
            return
        self._link.stop()
        self._await_link(time.monotonic())

    def _await_link(self, told_at: float) -> None:
        patience = LINK_HURRIED_STOP_SECONDS if self._is_hurried else LINK_STOP_SECONDS
        if self._link.is_running and time.monotonic() < told_at + patience:
            self._loop.call_later(0.02, lambda: self._await_link(told_at))
            return
        if not (self._link.has_stopped or self._is_hurried or self._is_hopeless or self._is_second_try):
            self._is_second_try = True  # it died or hung before it could say goodbye, and nobody else can
            self._link.kill()
            self._link.start()
            self._link.stop()
            self._await_link(time.monotonic())
            return
        self._link.kill()
        if self._way is Way.STOP and self._runs.live_count:  # it was told so when it had begun to leave
            self._await_runs()
            return
        self._is_done = True

    def _give_up(self, exit_status: int) -> None:
        """The link cannot start as things are. Somebody mends that, and starts the agent that has the frames then."""
        self._exit_status = exit_status
        self._is_hopeless = True
        if self._options.only_recover:
            self.stop()
        else:
            self.leave()

    def _children_changed(self) -> None:
        self._link.reap()
        self._runs.reap(self._link.pids)

    def _watch_idleness(self) -> None:
        limit = self._options.orphan_exit_after_seconds
        if self._way is not None:
            return
        self._runs.look_at_lease()
        is_idle = not self._runs.live_count
        if not self._has_lost_spool and not self._spool.is_there():
            self._lose_spool()
        if is_idle and limit is not None and self._lease.silence(self._platform.boot_seconds()) > limit:
            log.info("idle and without contact: ending", seconds=f"{limit:g}")
            self.stop()
        elif is_idle and self._when_idle is not None:
            self._when_idle()
            if self._way is None:  # a restart that would have failed
                self._loop.call_later(IDLE_LOOK_SECONDS, self._watch_idleness)
        elif is_idle and self._has_lost_spool and not self._runs.undelivered:
            self.stop()
        else:
            self._loop.call_later(IDLE_LOOK_SECONDS, self._watch_idleness)

    def _lose_spool(self) -> None:
        """What runs is known as long as we live: it is watched to its end, and told. Nothing new could be kept."""
        self._has_lost_spool = True
        self._exit_status = SPOOL_LOST
        folder, runs = self._spool.folder, self._runs.live_count
        log.error(
            f"the spool {folder} was deleted: no frame is started any more. `rqd restart --spool {folder}`, or SIGTERM"
            f" and a start on the same path, takes work again and loses no frame; else {runs} that run are watched to"
            " their ends and reported, and then this agent ends. Better is a folder that nobody cleans (--spool)",
            runs=runs,
            undelivered=len(self._runs.undelivered),
        )
        self._runs.lose_spool()
        self._capacity.lock(self._capacity.core_units)

    def _say_what_is_lost(self) -> None:
        """Without a spool nobody after us can deliver what the server has not taken."""
        if not self._has_lost_spool or self._way is Way.RESTART:
            return
        log.error(
            "this agent ends because its spool was deleted; start it again there, and it takes over what goes on",
            folder=self._spool.folder,
            frames_go_on=self._runs.live_count,
        )
        lost = [run.run_id for run in self._runs.undelivered]
        if lost:
            log.error(
                "ends of runs are lost, since they were not taken and the spool was deleted; their frames run again",
                runs=",".join(lost[:20]),
                count=len(lost),
            )

    def _say_what_is_untold(self) -> None:
        """Name the frames that ended without the server's having heard it: there they run."""
        untold = self._runs.undelivered
        if not untold or self._has_lost_spool or self._way is Way.RESTART:
            return
        names = [f"{run.identity['job_name']}/{run.identity['frame_name']}" for run in untold[:NAMED_MAX]]
        log.warning(
            "the server has not heard that frames ended: there they count as running until an agent with this spool"
            " runs again and tells how they ended, or until their lease is over and they wait again",
            count=len(untold),
            frames=", ".join(names),
        )

    # --- towards the link --------------------------------------------------------------------------------------------

    def _tell_outcome(self, run: Run) -> None:
        self._link.send({"outcome": run.described()})

    def _tell_everything(self) -> None:
        for run in self._runs.undelivered:
            self._tell_outcome(run)
        if self._way is not None or self._options.only_recover:
            self._link.send({"stopping": True})

    def _cores(self) -> dict[str, int]:
        return {
            "total": self._capacity.core_units,
            "idle": self._capacity.idle_units,
            "locked": self._capacity.locked_units,
            "booked": self._capacity.booked_units,
        }

    def _closed(self) -> str:
        """Why no launch is taken for a time, in words; empty while they are."""
        if self._when_idle is not None and self._way is None:
            return "it was told to end, to restart or to reboot as soon as nothing runs there"
        return self._runs.no_launches

    # --- from the link -----------------------------------------------------------------------------------------------

    def _answer(self, message: Message) -> None:
        """Do what the link asks. The one place that outlives any fault: an error here must cost no other frame."""
        answer: Message = {"n": message.get("n")}
        try:
            answer["ok"] = self._requests[message["do"]](message)
        except Refusal as refusal:
            answer["refused"] = [refusal.code, str(refusal)]
        except Exception as problem:  # noqa: BLE001
            traceback.print_exc(file=sys.stderr)
            answer["refused"] = ["INTERNAL", f"the runner failed at {message.get('do')!r}: {problem!r}"]
        if answer["n"] is not None:
            self._link.send(answer)

    def _on_hello(self, message: Message) -> Message:
        self._link.mark_up()
        log.info("link is up", address=message["address"])
        return {
            "instance": self._spool.instance,
            "succeeds": self._runs.succeeds,
            "size": list(self._size),
            "boot_time": self._boot_time,
        }

    def _on_runs(self, _: Message) -> Message:
        return {"runs": self._runs.described(), "cores": self._cores(), "closed": self._closed()}

    def _on_kill(self, message: Message) -> None:
        run_id, frame_id, detail = message["run_id"], message["frame_id"], message["message"]
        if run_id:
            run = self._runs.live_run(run_id)
            wanted = [run] if run is not None and (not frame_id or run.frame_id in ("", frame_id)) else []
        else:
            wanted = self._runs.live_of_frame(frame_id)
        if not wanted:
            raise Refusal("NOT_FOUND", f"no run {run_id or 'of frame ' + frame_id} on {self._options.name}")
        for run in wanted:
            self._runs.end(run, "killed", detail)

    def _on_find(self, message: Message) -> Message:
        for run in self._runs.live_of_frame(message["frame_id"]):
            if message["run_id"] in ("", run.run_id):
                return run.described()
        raise Refusal("NOT_FOUND", f"no run of frame {message['frame_id']} on {self._options.name}")

    def _on_lock(self, message: Message) -> None:
        self._capacity.lock(self._capacity.core_units if message["all"] else message["core_units"])

    def _on_unlock(self, message: Message) -> None:
        self._when_idle = None
        self._capacity.unlock(self._capacity.core_units if message["all"] else message["core_units"])

    def _on_restart(self, message: Message) -> None:
        why_not = self._why_no_restart()
        if why_not:
            raise Refusal("FAILED_PRECONDITION", f"agent {self._options.name} could not start anew: {why_not}")
        self._end_by_order(self.restart, message["when_idle"])

    def _on_reboot(self, message: Message) -> None:
        if not self._options.reboot_command:
            raise Refusal("FAILED_PRECONDITION", NO_REBOOT.format(name=self._options.name))
        self._end_by_order(self.reboot, message["when_idle"])

    def _end_by_order(self, end: Callable[[], None], when_idle: bool) -> None:
        if not when_idle:
            self._loop.call_later(0, end)
            return
        self._capacity.lock(self._capacity.core_units)
        self._when_idle = end


def _offered(options: Options, size: HostSize) -> HostSize:
    """What the farm gets of this machine: what the command line says, else all."""
    memory_kb = int(options.memory_gb * KB_PER_GIB) if options.memory_gb else size.memory_kb
    cores = options.cores or size.cores
    sockets = size.sockets if cores % size.sockets == 0 else 1
    return HostSize(sockets, cores, size.threads_per_core, memory_kb)
