"""Clients that go on working while their server is stopped, killed and started again under them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from farm_process import layer, spec, wait_for
from serve_process import ServeProcess

import opencue

RESTARTS = 3
WORKERS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServeProcess]:
    """A server on SQLite that ends with the test."""
    made = ServeProcess(tmp_path, f"sqlite:///{tmp_path / 'farm.sqlite'}").start()
    opencue.Cuebot.setHosts([made.grpc])
    yield made
    opencue.Cuebot.closeChannel()
    made.cleanup()


class Worker(threading.Thread):
    """Submits, remarks, pauses, kills, makes and removes, one thing after another, and writes down what it was told."""

    def __init__(self, number: int, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number, self.enough = number, enough
        self.launched: list[Any] = []
        self.remarked: Counter[str] = Counter()
        self.killed: set[str] = set()
        self.shows: dict[str, bool] = {}
        """Names by whether they are there."""
        self.unsure: set[str] = set()
        self.failures: list[Exception] = []

    def run(self) -> None:
        """Work until it is enough."""
        for number in range(10_000):
            if self.enough.is_set():
                return
            self._round(f"job{self.number}_{number:04d}", f"show{self.number}_{number:04d}")

    def _round(self, name: str, show: str) -> None:
        (job,) = self._ask(name, lambda: opencue.api.launchSpecAndWait(spec(name, layer("work", "true", "1-3")))) or [0]
        if job:
            self.launched.append(job)
            if self._ask(job.id(), lambda: job.addComment("once", "only") or True):
                self.remarked[job.id()] += 1
            self._ask(job.id(), lambda: job.pause() or True)
            if self._ask(job.id(), lambda: job.kill() or True):
                self.killed.add(job.id())
        made = self._ask(show, lambda: opencue.api.createShow(show))
        if made:
            self.shows[show] = True
            if self._ask(show, lambda: made.delete() or True):
                self.shows[show] = False

    def _ask(self, about: str, act: Any) -> Any:
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - which it was, is what is tested
            self.failures.append(error)
            self.unsure.add(about)
            return None


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_clients_are_told_is_true_however_the_server_ends(server: ServeProcess, end: str) -> None:
    """Each acknowledged change is there exactly once; what fails does so in one way, and says where it asked."""
    enough = threading.Event()
    workers = [Worker(number, enough) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for _ in range(RESTARTS):
        time.sleep(1.5)
        getattr(server, end)()
        server.start()
    time.sleep(1.0)
    enough.set()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()

    for error in (error for worker in workers for error in worker.failures):
        assert isinstance(error, opencue.exception.ConnectionException), repr(error)
        assert server.grpc in str(error)
    assert sum(len(worker.launched) for worker in workers) > 4 * WORKERS
    known = Counter(job.name() for job in [*opencue.api.getJobs(include_finished=True), *opencue.api.getFinishedJobs()])
    shows = {show.name() for show in opencue.api.getShows()}
    for worker in workers:
        for job in worker.launched:
            found = opencue.api.getJob(job.id())
            assert len(found.getComments()) == worker.remarked[job.id()] or job.id() in worker.unsure
            assert job.name() in known
            if job.id() in worker.killed:
                assert int(found.state()) == int(opencue.api.job_pb2.FINISHED)
        for name, is_there in worker.shows.items():
            assert (name in shows) is is_there or name in worker.unsure


def test_a_call_that_waits_for_a_stalled_journal_is_answered_after_a_restart(server: ServeProcess) -> None:
    """A change that was under way when its server was killed is done once, by the server that comes after it."""
    (job,) = opencue.api.launchSpecAndWait(spec("under_way", layer("work", "true", "1-3")))
    locker = Locker(server.folder / "farm.sqlite")
    told: list[Any] = []
    asking = threading.Thread(target=lambda: told.append(job.addComment("once", "only")), daemon=True)
    asking.start()
    time.sleep(1.0)
    server.kill()
    locker.release()
    server.start()
    asking.join(20)
    assert not asking.is_alive()
    assert len(told) == 1
    assert len(job.getComments()) == 1


class Locker:
    """Another program that has the database's file for itself, so that commits hang."""

    def __init__(self, path: Path) -> None:
        import sqlite3

        self._connection = sqlite3.connect(path, isolation_level=None)
        wait_for(self._take, 10, "the file to be free")

    def _take(self) -> bool:
        self._connection.execute("BEGIN IMMEDIATE")
        return True

    def release(self) -> None:
        """Give it back."""
        self._connection.execute("ROLLBACK")
        self._connection.close()


def test_the_journal_that_stands_still_and_the_server_that_is_away_are_two_messages(server: ServeProcess) -> None:
    """Commands say which: a server answers and why it cannot keep anything now, or that none answers, and where."""
    (job,) = opencue.api.launchSpecAndWait(spec("asked", layer("work", "true", "1-3")))
    outline = server.folder / "one.outline"
    outline.write_text("from outline.modules.shell import Shell\nShell('work', command=['true'], range='1-3')\n")
    commands = (
        ("cueadmin", "-pause", job.name(), "-force"),
        ("pycuerun", str(outline), "1-3"),
        ("cuefarm", "submit", "--frames", "1-3", "true"),
    )
    locker = Locker(server.folder / "farm.sqlite")
    threading.Thread(target=lambda: _ignored(lambda: job.setPriority(7)), daemon=True).start()
    time.sleep(6)
    stalled = [server.run(*command) for command in commands]
    locker.release()
    server.stop()
    away = [server.run(*command) for command in commands]
    for command, done in zip(commands, stalled, strict=True):
        assert done.returncode == 1, command
        assert "the journal cannot be written now" in done.stderr
        assert f"The server at {server.grpc} answers" in done.stderr
        assert "nothing was done" in done.stderr
        assert "try again later" in done.stderr
        assert "No server answers" not in done.stderr
        assert "cuefarm up" not in done.stderr
        assert "Traceback" not in done.stderr
    for command, done in zip(commands, away, strict=True):
        assert done.returncode == 1, command
        assert f"No server answers at {server.grpc} (connection refused)" in done.stderr
        assert "cuefarm up" in done.stderr
        assert "journal" not in done.stderr
        assert "Traceback" not in done.stderr


def _ignored(act: Any) -> None:
    try:
        act()
    except opencue.CueException:
        return
