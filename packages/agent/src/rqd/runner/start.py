"""From an accepted launch to a process with a log and an environment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any, Optional

from rqd.options import Options
from rqd.platform import JobUser, Platform
from rqd.runner import frame_log
from rqd.runner.command import direct_arguments, shell_arguments
from rqd.runner.environment import frame_environment, own_home
from rqd.runner.run import Run


class LaunchFailed(Exception):
    """There is no process. The words are for whoever reads why the frame failed."""


class ProcessStart:
    """Starts processes. Containers are another way to do what `__call__` does."""

    def __init__(self, options: Options, platform: Platform) -> None:
        self._options = options
        self._platform = platform
        self._own_home = own_home()

    def __call__(self, run: Run, launch: Mapping[str, Any]) -> None:
        """Give the run its log and its process; raises LaunchFailed. A log that was opened stays with the run."""
        options = self._options
        user = None
        if options.become_job_user and launch["uid"] is not None:
            user = self._platform.lookup_user(launch["uid"], launch["gid"], launch["user_name"])
        home = user.home if user else self._own_home
        environment = frame_environment(launch, options.name, run.log_path, home)
        try:
            run.log_fd = frame_log.open_new(run.log_path)
            if user is not None:
                with contextlib.suppress(PermissionError):  # some network disks refuse; the open file still serves
                    os.fchown(run.log_fd, user.uid, user.gid)
            text = frame_log.header(launch, environment, options.name, run.log_path, options.temp)
            frame_log.write_all(run.log_fd, text)
        except OSError as problem:
            raise LaunchFailed(f"the log {run.log_path} cannot be written: {problem.strerror or problem}") from None
        try:
            self._spawn(run, launch["command"], environment, run.log_fd, user)
        except (OSError, ValueError) as problem:
            raise LaunchFailed(f"no process could be started for the command: {problem}") from None

    def _spawn(
        self, run: Run, command: str, environment: Mapping[str, str], log_fd: int, user: Optional[JobUser]
    ) -> None:
        direct = direct_arguments(command)
        if direct:
            try:
                run.process = self._platform.spawn(direct, environment, log_fd, user)
                return
            except OSError:
                pass  # the shell knows how to run scripts without a first line, and has the words for what is missing
        run.process = self._platform.spawn(shell_arguments(command), environment, log_fd, user)
