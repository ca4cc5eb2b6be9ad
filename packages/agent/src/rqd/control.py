"""`rqd stop` and `rqd restart`: what is done to the agent that runs on a spool, and to frames that it left."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from typing import Any, Optional

from rqd import signals, whereabouts
from rqd.held import Books, Frames, frames_of
from rqd.options import default_spool, positive
from rqd.platform import this_system
from rqd.runner.leftovers import end_frames
from rqd.runner.spool import BOOK, LOCK, REFUSAL, AnotherMachinesSpool, SpoolInUse
from rqd.whereabouts import Agent

DONE = 0
NOT_DONE = 1
NOT_RUNNING = 3
"""Nothing was there to be stopped or restarted, as init scripts have it."""

TIMEOUT_SECONDS = 60.0
REVIVAL_SECONDS = 3.0
"""So long after the death of its main process an agent's other half may take to be the agent."""
SAY_SECONDS = 5.0
LOOK_SECONDS = 0.05


class Failed(Exception):
    """It was not done. The words say why, and what to do; `status` is the exit status."""

    def __init__(self, detail: str, status: int = NOT_DONE) -> None:
        super().__init__(detail)
        self.status = status


def main(words: list[str]) -> int:
    """Carry out one of the two; returns the exit status."""
    given = _parser(words[0]).parse_args(words[1:])
    command = _Command(given)
    try:
        command.facts["spool"] = spool = _spool_of(given)
        done = command.stop(spool) if words[0] == "stop" else command.restart(spool)
        status = DONE
    except Failed as problem:
        done, status = str(problem), problem.status
    except PermissionError as problem:
        done, status = f"{problem.filename or 'that'} is another user's: do this as that user, or as root", NOT_DONE
    except OSError as problem:
        done, status = f"{problem.filename or 'the spool'} cannot be read: {problem.strerror}", NOT_DONE
    command.finish(done, status)
    return status


class _Command:
    """What is done, and what is said of it."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._is_json: bool = given.json
        self._began = time.monotonic()
        self._until = self._began + given.timeout
        self._said_at = self._began
        self._books = Books(())
        self._keeper = ""
        self._advice: list[str] = []
        self.facts: dict[str, Any] = {}

    def stop(self, spool: str) -> str:
        """End the agent and its frames, or frames that an agent left; returns what to say. Raises Failed."""
        agent, told = self._agent(spool), None
        while agent is not None or _live(spool):
            if agent is None:
                self._end_left(spool)
            elif agent != told:
                told = agent
                self._tell_to_stop(agent)
            elif not agent.ended_within(LOOK_SECONDS):
                left = self._books.frames().live
                self._wait(f"{_frames(left)} left to end" if left else "it says goodbye")
            agent = whereabouts.agent_of(spool)
        if "frames" not in self.facts:
            raise Failed(f"nothing to stop: no agent runs on {spool}{_elsewhere(spool)}", NOT_RUNNING)
        self._note_untold(spool)
        if self._keeper:
            again = f"{self._keeper} starts it again, as long as that runs"
            self._advice.append(f"{again}: to keep work off this host, `cueadmin -lock {self.facts['host']}`")
        return "stopped: no agent and no frame of it runs"

    def restart(self, spool: str) -> str:
        """Have the agent be the same command anew; returns what to say. Raises Failed."""
        agent = self._agent(spool)
        if agent is None:
            _refuse_if_taken_over(spool, "restart")
            left = _live(spool)
            detail = f"; {_go_on(left, ' of an agent that is gone')}: start it, or `rqd stop`" if left else ""
            raise Failed(f"nothing to restart: no agent runs on {spool}{detail}{_elsewhere(spool)}", NOT_RUNNING)
        lock_before, refusal_before = _changed_ns(spool, LOCK), _changed_ns(spool, REFUSAL)
        self._note(agent)
        deleted = "; its spool was deleted, and is begun again" if agent.is_spool_deleted else ""
        self._say(f"{self._name()} starts anew; {_kept(self._books.frames())}{deleted}")
        _tell(agent, signals.RESTART)
        while not lock_before < _changed_ns(spool, LOCK) < _changed_ns(spool, "address"):
            if agent.ended_within(LOOK_SECONDS):
                raise Failed("it ended instead of starting anew; its log says why. Frames go on: start it by hand")
            if _changed_ns(spool, REFUSAL) > refusal_before:
                raise Failed(f"not restarted, the agent goes on as it is: {whereabouts.refusal_of(spool)}")
            self._wait("not up yet")
        return f"restarted: process {agent.process.pid} is the agent anew, {_kept(agent.books().frames())}"

    def finish(self, detail: str, status: int) -> None:
        """Say how it ended."""
        self.facts.update(done=status == DONE, status=status, words=detail, seconds=round(self._seconds(), 2))
        if self._advice:
            self.facts["advice"] = "; ".join(self._advice)
        if self._is_json:
            print(json.dumps(self.facts))
        elif status == DONE:
            print(f"{detail} ({self._seconds():.1f} s)")
        else:
            print(f"rqd: {detail}", file=sys.stderr)
        if not self._is_json:
            for advice in self._advice:
                print(advice)

    def _agent(self, spool: str) -> Optional[Agent]:
        """The agent, also while its other half takes the place of a main process that died."""
        until = min(self._until, time.monotonic() + REVIVAL_SECONDS)
        while True:
            agent = whereabouts.agent_of(spool)
            is_told = agent is not None or not os.path.exists(os.path.join(spool, LOCK))
            if is_told or time.monotonic() >= until or not whereabouts.is_being_replaced():
                return agent
            time.sleep(LOOK_SECONDS)

    def _tell_to_stop(self, agent: Agent) -> None:
        self._note(agent)
        deleted = "; its spool was deleted" if agent.is_spool_deleted else ""
        count = self.facts["frames"]
        waits = "it waits again" if count == 1 else "they wait again"
        with_it = f", and {_frames(count)} with it: {waits}" if count else ", no frame with it"
        self._say(f"{self._name()} ends{with_it}{deleted}")
        with contextlib.suppress(ProcessLookupError):
            _tell(agent, signals.STOP)

    def _end_left(self, spool: str) -> None:
        if not whereabouts.belongs_to_us(spool):
            raise Failed(f"no agent runs; what it left on {spool} is another user's: do this as that user")
        _refuse_if_taken_over(spool, "stop")
        if "frames" not in self.facts:
            self.facts["frames"] = live = _live(spool)
            self._say(
                f"no agent runs; it left {_frames(live)}, to be ended: they wait again when the next agent tells so"
            )
        try:
            left = end_frames(spool, this_system(), self._until - time.monotonic())
        except AnotherMachinesSpool as problem:
            raise Failed(str(problem)) from None
        except SpoolInUse:  # an agent has come, and is told next; or there is one that we cannot see
            time.sleep(LOOK_SECONDS)
            self._wait(f"somebody works on {spool} whom nobody sees from here; is the agent in a container?")
        else:
            if left:
                raise Failed(f"{_frames(left)} did not end within the --timeout")

    def _note(self, agent: Agent) -> None:
        self._books.close()
        self._books = agent.books()
        self._keeper = agent.keeper()
        known = self._books.frames()
        self.facts.update(host=known.host_name, process=agent.process.pid)
        self.facts.setdefault("frames", known.live)

    def _note_untold(self, spool: str) -> None:
        """Say what the server has not heard although nobody is left here to tell it."""
        is_lost = not os.path.exists(os.path.join(spool, BOOK))
        untold = max(self._books.frames().untold, 0 if is_lost else frames_of(spool).untold)
        self.facts["untold"] = untold
        if not untold:
            return
        ends = f"the server has not heard of {untold} {'end' if untold == 1 else 'ends'}"
        if is_lost:
            then = ", which went with the spool: those frames wait again when their lease is over"
        elif self._keeper:
            then = ": there they count as running until this agent runs again and tells it"
        else:
            then = (
                ": there they count as running. Once it is up, start `rqd` on this spool again, or"
                f" `rqd --only-recover --spool {spool}` with the same --server and --token-file, which takes no work"
            )
        self._advice.append(ends + then)

    def _name(self) -> str:
        return f"agent {self.facts['host']} (process {self.facts['process']})"

    def _wait(self, detail: str) -> None:
        """Wait a little, and say now and then for what. Raises Failed when the time is over."""
        if time.monotonic() >= self._until:
            raise Failed(f"not done within {self._seconds():.0f} s (--timeout): {detail}; it goes on")
        if time.monotonic() - self._said_at >= SAY_SECONDS:
            self._say(f"after {self._seconds():.0f} s: {detail}")

    def _say(self, detail: str) -> None:
        self._said_at = time.monotonic()
        print(detail, file=sys.stderr if self._is_json else sys.stdout, flush=True)

    def _seconds(self) -> float:
        return time.monotonic() - self._began


def _parser(action: str) -> argparse.ArgumentParser:
    what = {
        "stop": "End the agent that runs on a spool. Frames are ended and wait again, uncharged, also those of an agent"
        " that is gone.",
        "restart": "Have the agent that runs on a spool start itself anew in place, as after an upgrade. Frames go on.",
    }
    parser = argparse.ArgumentParser(
        prog=f"rqd {action}",
        description=what[action],
        epilog=f"Exit status: {DONE} done, {NOT_DONE} not done, 2 a wrong command line, {NOT_RUNNING} nothing runs.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--spool", metavar="DIR", help=f"the spool of the agent (default: {default_spool()})")
    which.add_argument("--name", metavar="HOST", help="the agent of this machine that the farm calls so")
    parser.add_argument(
        "--timeout", metavar="S", type=positive, default=TIMEOUT_SECONDS, help="how long to wait (%(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="say how it ended as JSON; progress on standard error")
    return parser


def _spool_of(given: argparse.Namespace) -> str:
    if given.name is None:
        return os.path.abspath(os.path.expanduser(given.spool or default_spool()))
    named = {spool for spool in whereabouts.spools() if frames_of(spool).host_name == given.name}
    deleted = whereabouts.agents_of_deleted_spools()
    named |= {agent.spool for agent in deleted if agent.books().frames().host_name == given.name}
    found = sorted(spool for spool in named if whereabouts.taker_of(spool) is None)
    if not found and whereabouts.are_there_others():
        detail = f"no agent of yours called {given.name} runs here, nor a frame of one; another user may have one"
        raise Failed(f"{detail}{_elsewhere('')}", NOT_RUNNING)
    if not found:
        raise Failed(f"no agent called {given.name} runs here, nor a frame of one{_elsewhere('')}", NOT_RUNNING)
    if len(found) > 1:
        raise Failed(f"{len(found)} agents here are called {given.name}; say which: --spool {' or '.join(found)}")
    return found[0]


def _elsewhere(spool: str) -> str:
    others = [other for other in whereabouts.spools() if other != spool]
    return f"; there is work on other spools: --spool {', '.join(others)}" if others else ""


def _tell(agent: Agent, number: signal.Signals) -> None:
    try:
        agent.tell(number)
    except PermissionError:
        detail = f"process {agent.process.pid} is another user's: do this as that user, or as root"
        raise Failed(detail) from None


def _live(spool: str) -> int:
    try:
        return frames_of(spool).live
    except FileNotFoundError:
        return 0


def _refuse_if_taken_over(spool: str, action: str) -> None:
    """Raise Failed where what is left on a spool is another agent's now."""
    taker = whereabouts.taker_of(spool)
    if taker is not None:
        raise Failed(
            f"no agent runs on {spool}: process {taker.process.pid} on {taker.spool} has taken its"
            f" {_frames(_live(spool))} over. Do this there: rqd {action} --spool {taker.spool}"
        )


def _changed_ns(spool: str, name: str) -> int:
    try:
        return os.stat(os.path.join(spool, name)).st_mtime_ns
    except FileNotFoundError:
        return 0


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"


def _kept(frames: Frames) -> str:
    if frames.suspended < frames.live or not frames.live:
        some = f", {frames.suspended} of them suspended until a server answers" if frames.suspended else ""
        return _go_on(frames.live) + some
    return f"{_frames(frames.live)} {'is' if frames.live == 1 else 'are'} kept, suspended until a server answers"


def _go_on(count: int, whose: str = "") -> str:
    return f"{_frames(count)}{whose} {'goes' if count == 1 else 'go'} on"
