"""From an accepted launch to a process with a log, an environment and a working folder."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from rqd.options import Options
from rqd.platform import JobUser, Platform
from rqd.runner import frame_log
from rqd.runner.command import supervisor_words
from rqd.runner.environment import frame_environment, own_home
from rqd.runner.run import Run
from rqd.supervisor.book import GROUPS_MAX, Book, Page

FOLDER_VARIABLE = "CUE_LAUNCH_FOLDER"

# What opening a file can meet that has nothing to do with the file.
_HOST_IS_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class LaunchFailed(Exception):
    """There is no process. `cause` says whose fault that is; the words are for whoever reads why."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class _Folder(NamedTuple):
    """Where a frame works, and why it is not where it was launched from."""

    path: str
    note: Optional[str]


class ProcessStart:
    """Starts supervisors. Containers are another way to do what `__call__` does."""

    def __init__(self, options: Options, platform: Platform, book: Book) -> None:
        self._options = options
        self._platform = platform
        self._book = book
        self._own_home = own_home()

    def __call__(self, run: Run, launch: Mapping[str, Any]) -> int:
        """Give the run its log and its supervisor, and return that one's pid; raises LaunchFailed.

        A log that was begun stays with the run.
        """
        user = self._user(launch)
        home = user.home if user else self._own_home
        environment = frame_environment(launch, self._options.name, run.log_path, home)
        # A process inherits its folder: the fast way to start one has no other way to set it.
        if launch["working_folder"]:
            folder = self._enter_exactly(launch["working_folder"], user)
        else:
            folder = self._enter(environment.get(FOLDER_VARIABLE, ""), user)
        try:
            self._open_log(run, launch, environment, folder, user)
            return self._spawn(run, supervisor_words(launch), environment, user)
        finally:
            os.chdir("/")  # the runner itself keeps no disk from being unmounted

    def _user(self, launch: Mapping[str, Any]) -> Optional[JobUser]:
        if not self._options.become_job_user or launch["uid"] is None:
            return None
        try:
            return self._platform.lookup_user(launch["uid"], launch["gid"], launch["user_name"])
        except OSError as problem:
            detail = f"the user with the number {launch['uid']} cannot be looked up: {problem.strerror or problem}"
            raise LaunchFailed("host_fault", f"{detail}; mend the accounts of this host") from None

    def _enter_exactly(self, wanted: str, user: Optional[JobUser]) -> _Folder:
        """Go to the folder that the frame must work in."""
        try:
            with self._platform.rights_of(user):
                os.chdir(wanted)
        except OSError as problem:
            detail = f"the working folder {wanted} cannot be entered on this host: {problem.strerror}"
            raise LaunchFailed("launch_failed", detail) from None
        return _Folder(wanted, None)

    def _enter(self, wanted: str, user: Optional[JobUser]) -> _Folder:
        """Go to the folder of launch where this host has it and the user may enter it, else to the agent's own."""
        note = None
        if wanted.startswith("/"):
            try:
                with self._platform.rights_of(user):
                    os.chdir(wanted)
                return _Folder(wanted, None)
            except (OSError, ValueError) as problem:
                why = getattr(problem, "strerror", None) or problem
                note = f"the folder of launch, {wanted}, cannot be entered on this host: {why}"
        try:
            os.chdir(self._options.temp)
        except OSError as problem:
            detail = f"the agent's working folder {self._options.temp} cannot be entered: {problem.strerror}"
            raise LaunchFailed("host_fault", f"{detail}; make it again, or give rqd another --temp") from None
        return _Folder(self._options.temp, note)

    def _open_log(
        self,
        run: Run,
        launch: Mapping[str, Any],
        environment: Mapping[str, str],
        folder: _Folder,
        user: Optional[JobUser],
    ) -> None:
        try:
            run.log_fd = frame_log.open_new(run.log_path)
            if user is not None:
                with contextlib.suppress(PermissionError):  # some network disks refuse; the open file still serves
                    os.fchown(run.log_fd, user.uid, user.gid)
            text = frame_log.header(
                launch,
                environment,
                self._options.name,
                run.log_path,
                folder.path,
                folder.note,
                self._options.secret_names,
                (user.uid, user.gid) if user is not None else None,
            )
            run.page["output_begins_at"] = frame_log.write_all(run.log_fd, text)
        except OSError as problem:
            _drop_log(run)
            detail = f"the log {run.log_path} cannot be written: {problem.strerror or problem}"
            if problem.errno in _HOST_IS_SHORT:
                raise LaunchFailed("host_fault", f"{detail}; the agent has no more of that") from None
            raise LaunchFailed("log_unwritable", detail) from None

    def _spawn(self, run: Run, command: list[str], environment: Mapping[str, str], user: Optional[JobUser]) -> int:
        assert run.log_fd is not None, "the log was opened"
        if user is not None:
            _give_rights(run.page, user)
        try:
            return self._platform.start_supervisor(
                run.page.number, self._book.child_fd, command, environment, run.log_fd
            )
        except (OSError, ValueError) as problem:
            text = f"no process could be started for the command: {problem}"
            # Too long a command or environment, or a zero byte in it, is the frame's own; anything else is not.
            is_own = isinstance(problem, ValueError) or problem.errno == errno.E2BIG
            raise LaunchFailed("launch_failed" if is_own else "host_fault", text) from None


def _give_rights(page: Page, user: JobUser) -> None:
    if len(user.groups) > GROUPS_MAX:
        detail = f"user {user.name} has {len(user.groups)} groups, and a frame can have {GROUPS_MAX}"
        raise LaunchFailed("host_fault", f"{detail}; take the user out of some")
    page["uid"], page["gid"] = user.uid, user.gid
    page["groups"], page["group_count"] = user.groups, len(user.groups)
    page["become_user"] = 1


def _drop_log(run: Run) -> None:
    """Leave no log without a header: each try of a launch that is repeated would leave another."""
    if run.log_fd is None:
        return
    with contextlib.suppress(OSError):
        os.unlink(run.log_path)
    with contextlib.suppress(OSError):
        os.close(run.log_fd)
    run.log_fd = None
