"""Agents that `cuefarm up` runs on its own machine: started, taken over after a crash, kept alive, ended with the farm.

An agent is two processes, runner and link, and each replaces the other when it dies. Only when both are gone is it for
the farm to start the agent again, on the same spool: the new runner takes over what goes on, and tells what has ended
meanwhile. The spool of an agent that is no longer wanted, because an earlier `up` had other shares, gets one
that does this alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from cuebot.app.data_folder import DataFolder, ProcessFacts
from cuebot.app.shares import Share
from rqd import open_files, signals
from rqd.runner.spool import has_unsettled_runs

log = structlog.get_logger("up")

ORPHAN_EXIT_SECONDS = 600
"""A local agent without a server ends itself when it has been idle so long."""
STEADY_SECONDS = 30.0
"""An agent that lived so long is started again at once; the pauses before the others grow."""
PAUSE_SECONDS_MIN = 1.0
PAUSE_SECONDS_MAX = 60.0
REVIVAL_SECONDS = 15.0
"""How long a link may take to become the new runner before it is ended."""
REPLACE_SECONDS = 12.0
"""How long an agent of an earlier `up` may take to end when another share is wanted."""
FRAMES_ARE_ROOTS = (
    "frames run as root, because root started this farm; agents with `rqd --become-job-user` make them their users'"
)
"""What whoever starts a farm as root is told."""
LAST_WORDS_LINES = 3


@dataclass(slots=True)
class _Agent:
    share: Share
    process: ProcessFacts | None = None
    """Its runner, as far as we know."""
    child: subprocess.Popen[bytes] | None = None
    """The process that we started; the runner may be another by now."""
    started_s: float = 0.0
    log_bytes: int = 0
    """Size of its log when it was started."""
    pause_s: float = 0.0
    not_before_s: float = 0.0
    reviving_since_s: float | None = None
    ended_count: int = 0
    only_recovers: bool = False
    """It is of an earlier start, and runs only to end and report what it left."""


class LocalAgents:
    """The agents of one `up`, by name. Times are seconds of a clock that only goes forward."""

    def __init__(
        self,
        folder: DataFolder,
        shares: Sequence[Share],
        *,
        log_level: str,
        umask: int = -1,
        open_files_before: int | None = None,
    ) -> None:
        self._folder = folder
        self._log_level = log_level
        self._umask = umask
        self._open_files_before = open_files_before
        """How many files agents, and so frames, may have open; None: as many as this process."""
        self._agents = {share.name: _Agent(share) for share in shares}
        self._former: dict[str, _Agent] = {}
        """Agents of an earlier start that nobody wants, and that died and left something."""
        self._told: set[ProcessFacts] = set()
        """Agents of an earlier start that were told to end."""
        self._known: dict[ProcessFacts, str] = {}
        """Processes of agents that were seen, and the spool of each."""

    @property
    def shares(self) -> list[Share]:
        """What each agent offers."""
        return [agent.share for agent in self._agents.values()]

    def begin(self) -> None:
        """Have every agent run: those of an earlier server go on where their share is the same, others are started."""
        running = self._folder.running_agents()
        if self._agents:
            stale = [
                process
                for name, process in running.items()
                if name not in self._agents or not _offers(process, self._agents[name].share)
            ]
            if stale:
                log.info("agents of an earlier start are ended: other shares are wanted", agents=len(stale))
                self._told.update(stale)
                _tell_to_end(stale)
                _wait_ended(stale, REPLACE_SECONDS)
        self.look()

    def look(self) -> None:
        """See which agents have died whole, and start those again whose pause is over."""
        self._find_former()
        running: dict[str, ProcessFacts] | None = None
        for name, agent in [*self._agents.items(), *self._former.items()]:
            if agent.child is not None:
                agent.child.poll()  # an ended child must not stay a zombie
            if agent.process is not None and agent.process.alive():
                continue
            running = self._folder.running_agents() if running is None else running
            if name in running:
                self._take_over(agent, running[name])
            elif not self._is_reviving(agent):
                self._bring_back(agent)

    def start_dead(self, names: Iterable[str]) -> list[str]:
        """Start those of the named agents of which nothing runs, without a pause. Returns their names."""
        self._find_former()
        agents = {**self._agents, **self._former}
        running = self._folder.running_agents()
        dead = [name for name in names if name in agents and name not in running and not self._processes(name)]
        for name in dead:
            self._start(agents[name])
        return dead

    def ended_count(self, name: str) -> int:
        """How often an agent has ended since it was wanted."""
        return self._agents[name].ended_count

    def last_words(self, name: str) -> list[str]:
        """The last lines that an agent wrote since it was started."""
        agent = self._agents[name]
        with contextlib.suppress(OSError), self.log_file(name).open("rb") as file:
            file.seek(agent.log_bytes)
            return file.read().decode(errors="replace").splitlines()[-LAST_WORDS_LINES:]
        return []

    def log_file(self, name: str) -> Path:
        """Where an agent writes what it does."""
        return self._folder.run / f"agent-{name}.log"

    def stop(self, patience_s: float) -> list[ProcessFacts]:
        """End every agent of the folder, with its frames, and wait. Returns those that still run.

        A runner that is killed meanwhile has a successor a moment later, which is told as well.
        """
        deadline = time.monotonic() + patience_s
        told: set[ProcessFacts] = set()
        while True:
            for agent in [*self._agents.values(), *self._former.values()]:
                if agent.child is not None:
                    agent.child.poll()
            running = set(self._folder.running_agents().values())
            _tell_to_end(running - told)
            told |= running
            left = self._processes()
            if not left or time.monotonic() >= deadline:
                return left
            time.sleep(0.02)

    def _find_former(self) -> None:
        """See which spools of agents that nobody wants have runs to end or outcomes to deliver, and which no more."""
        names = {path.name.removeprefix("agent-") for path in self._folder.run.glob("agent-*") if path.is_dir()}
        names -= self._agents.keys()
        running = self._folder.running_agents() if names else {}
        for name in sorted(names):
            if name in running:
                self._tell_former_to_end(running[name])
            elif not self._has_unsettled_runs(name):
                if self._former.pop(name, None):
                    log.info("what an agent of an earlier start had left is settled", agent=name)
            elif name not in self._former:
                log.warning("an agent of an earlier start died with frames; it is started once to end them", agent=name)
                self._former[name] = _Agent(Share(name, 0, 0, is_whole=True), only_recovers=True)

    def _tell_former_to_end(self, process: ProcessFacts) -> None:
        """An unwanted agent that runs, maybe because its link has become the runner, must take no more work.

        Without agents of its own, `up` leaves those of an earlier start alone.
        """
        if not self._agents or process in self._told or _only_recovers(process):
            return
        self._told.add(process)
        _tell_to_end([process])

    def _has_unsettled_runs(self, name: str) -> bool:
        return has_unsettled_runs(str(self._folder.agent_spool(name)))

    # --- one agent ------------------------------------------------------------------------------------------------

    def _take_over(self, agent: _Agent, process: ProcessFacts) -> None:
        if agent.process is not None:
            log.warning("an agent's runner died; its link has become the new one", agent=agent.share.name)
        agent.process, agent.reviving_since_s = process, None
        agent.started_s = agent.started_s or time.monotonic()

    def _is_reviving(self, agent: _Agent) -> bool:
        """A link outlived its runner and becomes one. One that does not is ended."""
        processes = self._processes(agent.share.name)
        now = time.monotonic()
        if not processes:
            agent.reviving_since_s = None
            return False
        if agent.reviving_since_s is None:
            agent.reviving_since_s = now
        elif now - agent.reviving_since_s > REVIVAL_SECONDS:
            log.warning("an agent's link outlived its runner and does nothing; it is ended", agent=agent.share.name)
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        return True

    def _bring_back(self, agent: _Agent) -> None:
        now = time.monotonic()
        if agent.only_recovers and not self._has_unsettled_runs(agent.share.name):
            return  # it has done what it was started for
        if agent.process is not None:
            self._note_end(agent, now)
        if now >= agent.not_before_s:
            self._start(agent)

    def _note_end(self, agent: _Agent, now: float) -> None:
        assert agent.process is not None
        steady = now - agent.started_s >= STEADY_SECONDS
        agent.pause_s = 0.0 if steady else min(max(PAUSE_SECONDS_MIN, 2 * agent.pause_s), PAUSE_SECONDS_MAX)
        agent.not_before_s = now + agent.pause_s
        agent.ended_count += 1
        is_our_child = agent.child is not None and agent.child.pid == agent.process.pid
        log.error(
            "an agent ended; it is started again",
            agent=agent.share.name,
            pid=agent.process.pid,
            status=agent.child.returncode if is_our_child and agent.child is not None else "unknown",
            pause_s=agent.pause_s,
            last_words=self.last_words(agent.share.name),
        )
        agent.process = agent.child = None

    def _start(self, agent: _Agent) -> None:
        name, path = agent.share.name, self.log_file(agent.share.name)
        try:
            with path.open("ab") as output:
                agent.log_bytes = output.tell()
                agent.child = subprocess.Popen(
                    self._command(agent),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    cwd=self._folder.path,
                    umask=self._umask,  # the server's own is tighter than frames expect
                )
            if self._open_files_before is not None:
                open_files.put_back(self._open_files_before, agent.child.pid)
            agent.process = ProcessFacts.of(agent.child.pid)
        except OSError as error:
            agent.ended_count += 1
            agent.not_before_s = time.monotonic() + PAUSE_SECONDS_MAX
            log.error("an agent cannot be started", agent=name, error=str(error), pause_s=PAUSE_SECONDS_MAX)
            return
        agent.started_s, agent.reviving_since_s = time.monotonic(), None
        if agent.ended_count:
            log.info("agent started again", agent=name, pid=agent.process.pid)

    def _command(self, agent: _Agent) -> list[str]:
        folder, share = self._folder, agent.share
        words = [sys.executable, "-m", "rqd", "--name", share.name, "--server-file", str(folder.server_file)]
        words += ["--token-file", str(folder.token_file), "--spool", str(folder.agent_spool(share.name))]
        words += ["--kept-by", f"cuefarm up --data {folder.path}"]
        words += ["--port", "0", "--orphan-exit-after", str(ORPHAN_EXIT_SECONDS), "--log-level", self._log_level]
        if os.geteuid() == 0:
            words.append("--run-as-root")  # `up` and the demo print FRAMES_ARE_ROOTS
        return words + (["--only-recover"] if agent.only_recovers else share.options)

    def _processes(self, name: str | None = None) -> list[ProcessFacts]:
        """Runners and links of this folder's agents, or of one of them, also while one is becoming the other.

        In that moment a process has no words that tell what it is, so one that was known before still is.
        """
        if name is None:
            spools = {str(path) for path in self._folder.run.glob("agent-*") if path.is_dir()}
        else:
            spools = {str(self._folder.agent_spool(name))}
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if words[1:2] == ["-m"] and words[2:3] in (["rqd"], ["rqd.link"]):
                for spool in spools.intersection(words):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        self._known[ProcessFacts.of(process.pid)] = spool
        self._known = {process: spool for process, spool in self._known.items() if process.alive()}
        return [process for process, spool in self._known.items() if spool in spools]


def _offers(process: ProcessFacts, share: Share) -> bool:
    """This agent was started for the same share."""
    try:
        words = psutil.Process(process.pid).cmdline()
    except psutil.NoSuchProcess:
        return False
    given = [word for option in ("--cores", "--memory-gb") if option in words for word in _option(words, option)]
    return given == share.options


def _only_recovers(process: ProcessFacts) -> bool:
    """This agent takes no work and ends by itself."""
    try:
        return "--only-recover" in psutil.Process(process.pid).cmdline()
    except psutil.NoSuchProcess:
        return True


def _option(words: list[str], option: str) -> list[str]:
    place = words.index(option)
    return words[place : place + 2]


def _tell_to_end(agents: Iterable[ProcessFacts]) -> None:
    for agent in agents:
        if agent.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(agent.pid, signals.STOP)


def _wait_ended(agents: Iterable[ProcessFacts], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    left = list(agents)
    while left and time.monotonic() < deadline:
        left = [agent for agent in left if agent.alive()]
        time.sleep(0.02)
