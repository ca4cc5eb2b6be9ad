"""The runner's folder on disk: its lock, its name for itself, the book of its runs, and the runs that it has forgotten.

A run whose outcome the server has leaves the book; its id then goes to the file `forgotten`, so that a launch that
arrives late (sent again by a server that did not hear our answer) is not run a second time.

An hour is counted by a clock that nobody can set, which begins anew with each boot; so the file `forgotten` has no
times, and what an earlier runner left in it is remembered for another hour.

Nothing is fsynced: the files have to survive the runner, not the machine. After a power cut no frame runs any more, and
the server learns that from the boot time.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import uuid
from collections import OrderedDict
from typing import Callable

from rqd import machine
from rqd.supervisor import book
from rqd.supervisor.book import Book, Page

REMEMBER_SECONDS = 3600
REMEMBER_RUNS_MAX = 200_000
FREE_FILES_MAX = 256
BOOK = "book"
LOCK = "lock"
REFUSAL = "refusal"
"""Why the agent would not start anew when it was told last."""
NEW = ".new"
"""The end of a file's name that is being written and then gets its own."""


class SpoolInUse(Exception):
    """Another agent works on this spool. `status` is what one ends with that cannot have it."""

    status = 1


class AnotherMachinesSpool(SpoolInUse):
    """Its runs are another machine's, where they may go on: nobody can tell from here."""

    status = 78


def has_unsettled_runs(folder: str) -> bool:
    """Say whether a spool has runs that have not ended, or whose outcome the server does not have; locks nothing."""
    try:
        fd = os.open(os.path.join(folder, BOOK), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return bool(book.runs_in(fd))
    finally:
        os.close(fd)


class Spool:
    """A folder that one runner owns."""

    def __init__(self, folder: str, boot_seconds: Callable[[], float]) -> None:
        self.folder = folder
        self._boot_seconds = boot_seconds
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.stat(folder).st_mode & 0o777 != 0o700:
            os.chmod(folder, 0o700)
        self._refuse_anothers()
        self._lock_fd = self._lock()
        with contextlib.suppress(OSError):  # a full disk, or one that takes no writes
            machine.claim(folder)
        try:
            self.book = Book.open(os.path.join(folder, BOOK))
        except BlockingIOError:
            os.close(self._lock_fd)
            raise SpoolInUse(
                f"an agent on another spool has taken over the frames of {folder}. Stop it, or give this one another"
                " --spool"
            ) from None
        self.books = [self.book]
        """Ours first, then those of runners before us that had other folders."""
        self.instance = self._instance()
        self._forgotten: OrderedDict[str, float] = OrderedDict()
        self._forgotten_lines = 0
        self._forgotten_fd = self._load_forgotten()

    def is_there(self) -> bool:
        """Say whether the folder still is the one that we locked, and was not deleted under us."""
        try:
            is_ours = os.path.samestat(os.stat(os.path.join(self.folder, LOCK)), os.fstat(self._lock_fd))
            return is_ours and os.path.samestat(os.stat(os.path.join(self.folder, BOOK)), os.fstat(self.book.fd))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # its disk does not answer, which may pass

    @property
    def is_read_only(self) -> bool:
        """Whether the folder's disk takes no writes."""
        return self.book.is_read_only

    def note_refusal(self, detail: str) -> None:
        """Leave for `rqd restart`, which told us by a signal, why that is not done."""
        path = os.path.join(self.folder, REFUSAL)
        with contextlib.suppress(OSError):
            os.makedirs(self.folder, mode=0o700, exist_ok=True)  # it may have been deleted
            with open(path + NEW, "w", encoding="utf-8", errors="replace") as file:
                file.write(detail + "\n")
            os.replace(path + NEW, path)

    def adopt(self, books: list[Book]) -> None:
        """Take over the books of agents of our name that are dead and had other folders."""
        self.books += books

    def close(self) -> None:
        """Let another runner have the folder."""
        for pages in self.books:
            pages.close()
        os.close(self._lock_fd)
        os.close(self._forgotten_fd)

    def book_of(self, page: Page) -> Book:
        """The book that a page is of."""
        return next(book for book in self.books if book.has(page))

    def give_back(self, page: Page) -> None:
        """Nothing of a page's run is needed any more."""
        self.book_of(page).give_back(page)

    def forget(self, run_id: str) -> None:
        """The server has a run on its own disk: remember its id for an hour."""
        self._forgotten[run_id] = self._boot_seconds()
        with contextlib.suppress(OSError):  # the server does not launch again what it has the end of
            os.write(self._forgotten_fd, f"{run_id}\n".encode())
            self._forgotten_lines += 1
        self._expire_forgotten()

    def has_forgotten(self, run_id: str) -> bool:
        """Say whether this run ended here within the last hour."""
        forgotten_at = self._forgotten.get(run_id)
        return forgotten_at is not None and self._boot_seconds() - forgotten_at < REMEMBER_SECONDS

    def boot_time(self, boot_id: str) -> int:
        """When this boot of the machine was, in seconds since 1970: as it looked to the first agent of the boot.

        It is only computed once, because the clock that it is read off may be set, and a later time would look to the
        server like another boot, in which no run of before goes on.
        """
        path = os.path.join(self.folder, machine.BOOT)
        try:
            with open(path, encoding="ascii") as file:
                known_id, _, seconds = file.read().strip().partition(" ")
            if known_id == boot_id and seconds.isdigit():
                return int(seconds)
        except (FileNotFoundError, ValueError):
            pass  # a new spool, or one whose disk was full when it was new
        booted_at = max(0, int(time.time() - self._boot_seconds()))
        # On a full disk this runner knows it all the same.
        with contextlib.suppress(OSError), open(path, "w", encoding="ascii") as file:
            file.write(f"{boot_id} {booted_at}\n")
        return booted_at

    def _refuse_anothers(self) -> None:
        """Leave alone what may go on elsewhere. Runs that are settled are nobody's any more."""
        owner = machine.owner_elsewhere(self.folder)
        if owner and has_unsettled_runs(self.folder):
            raise AnotherMachinesSpool(
                f"the spool {self.folder} has runs of another machine, {owner}, which may go on there: give this agent"
                " a --spool of its own. If this is that machine with a new id (it was installed again), or that one is"
                f" gone and nothing runs there, delete {machine.claim_file(self.folder)} and start this agent again"
            )

    def _lock(self) -> int:
        path = os.path.join(self.folder, LOCK)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as problem:
            if problem.errno != errno.EROFS:
                raise
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # what an earlier runner left is ended all the same
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise SpoolInUse(
                f"an agent already works on {self.folder}: process {pid}. Stop it, or give this one another --spool"
            ) from None
        with contextlib.suppress(OSError):
            # In place, as far as it can be: on a full disk a new block might not be had.
            os.ftruncate(fd, os.pwrite(fd, f"{os.getpid()}\n".encode(), 0))
        return fd

    def _instance(self) -> str:
        path = os.path.join(self.folder, "instance")
        try:
            with open(path, encoding="ascii") as file:
                return str(uuid.UUID(file.read().strip()))
        except (FileNotFoundError, ValueError):
            pass  # a new spool, or one whose disk was full when it was new
        instance = str(uuid.uuid4())
        with open(path, "w", encoding="ascii") as file:
            file.write(instance + "\n")
        return instance

    def _load_forgotten(self) -> int:
        path = os.path.join(self.folder, "forgotten")
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                now = self._boot_seconds()
                for line in file:
                    if words := line.split():
                        self._forgotten[words[-1]] = now  # before the id, older agents wrote the time of day
        except FileNotFoundError:
            pass
        return self._rewrite_forgotten()

    def _expire_forgotten(self) -> None:
        oldest_wanted = self._boot_seconds() - REMEMBER_SECONDS
        while self._forgotten:
            run_id, stamp = next(iter(self._forgotten.items()))
            if stamp >= oldest_wanted and len(self._forgotten) <= REMEMBER_RUNS_MAX:
                break
            del self._forgotten[run_id]
        if self._forgotten_lines > 2 * len(self._forgotten) + 1000:
            os.close(self._forgotten_fd)
            self._forgotten_fd = self._rewrite_forgotten()

    def _rewrite_forgotten(self) -> int:
        path = os.path.join(self.folder, "forgotten")
        oldest_wanted = self._boot_seconds() - REMEMBER_SECONDS
        self._forgotten = OrderedDict(
            (run_id, stamp) for run_id, stamp in self._forgotten.items() if stamp >= oldest_wanted
        )
        with contextlib.suppress(OSError):  # a full disk: the longer file serves as well
            with open(path + NEW, "w", encoding="ascii", errors="replace") as file:
                file.writelines(f"{run_id}\n" for run_id in self._forgotten)
            os.replace(path + NEW, path)
        self._forgotten_lines = len(self._forgotten)
        try:
            return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as problem:
            if problem.errno != errno.EROFS:
                raise
            return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
