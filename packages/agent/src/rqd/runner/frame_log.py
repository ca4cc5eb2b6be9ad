"""A frame's log file: a header before its output and a footer after it. Its name is the subject of `log_name`."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from rqd.runner.command import shown_command
from rqd.runner.log_name import earlier_names, file_name, header_of, move_aside
from rqd.secrets import shown_environment

ATTEMPT_VARIABLE = "CUE_ATTEMPT"

_RULE = "=" * 59 + "\n"
_RUN_ID = re.compile(rb"^runId +(\S+)$", re.MULTILINE)


def log_path(log_dir: str, job_part: str, frame_part: str) -> str:
    """Where a frame's log goes. Whatever the parts of its name hold, the file is inside of the folder."""
    return os.path.join(log_dir, file_name(job_part, frame_part))


def open_new(path: str) -> int:
    """Open the log of a new run, moving an earlier one aside; raises OSError where that cannot be done.

    The folder may be writable for everybody, so an existing name is never opened, only moved or refused: nobody can
    make the agent write through a link of theirs.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, flags, 0o644)
    except FileExistsError:
        move_aside(path)
        fd = os.open(path, flags, 0o644)
    with contextlib.suppress(PermissionError):  # some network disks refuse; the mode is theirs then
        os.fchmod(fd, 0o644)
    return fd


def reopen(path: str, run_id: str) -> Optional[int]:
    """Open the log of a run whose runner died, to add the footer; None where it is gone.

    Its name may be that of a later run's log by now, and its own have become another; its header tells.
    """
    for name in (path, *earlier_names(path)):
        try:
            fd = os.open(name, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        with contextlib.suppress(OSError):
            found = _RUN_ID.search(header_of(fd))
            if found and found[1].decode("ascii", "replace") == run_id:
                return fd
        os.close(fd)
    return None


def write_all(fd: int, text: str) -> int:
    """Write a header or footer, and return its size; raises OSError (a full disk, above all)."""
    data = text.encode("utf-8", "replace")
    size = len(data)
    while data:
        data = data[os.write(fd, data) :]
    return size


def header(
    launch: Mapping[str, Any],
    environment: Mapping[str, str],
    host_name: str,
    path: str,
    cwd: str,
    cwd_note: Optional[str] = None,
    secret_names: Iterable[str] = (),
    ids: Optional[tuple[int, int]] = None,
) -> str:
    """What stands above a frame's own output. `cwd_note` says why it works in another folder than was asked.

    `ids` are the user's and the group's that the frame runs with, unless they are the agent's own.

    Of variables that the launch calls secret, and of those whose names fit `secret_names`, only the names stand there:
    more people read logs than may know those.
    """
    uid, gid = ids or (os.geteuid(), os.getegid())
    rows = [
        ("proxy", launch["frame_id"]),
        ("command", shown_command(launch)),
        ("uid", uid),
        ("gid", gid),
        ("logDestination", path),
        ("cwd", cwd),
        *([("cwdNote", cwd_note)] if cwd_note else ()),
        ("renderHost", host_name),
        ("jobId", launch["job_id"]),
        ("frameId", launch["frame_id"]),
        ("runId", launch["run_id"]),
    ]
    if environment.get(ATTEMPT_VARIABLE):
        rows.append(("attempt", environment[ATTEMPT_VARIABLE]))
    shown = shown_environment(environment, secret_names, launch["secrets"])
    rows.extend(("env", f"{name}={shown[name]}") for name in sorted(shown))
    return f"{_RULE}RenderQ JobSpec      {time.ctime()}\n{_table(rows, 21)}{_RULE}"


def footer(outcome: Mapping[str, Any], host_name: str) -> str:
    """What stands below a frame's own output."""
    rows = [("exitStatus", outcome["exit_status"]), ("exitSignal", outcome["exit_signal"]), ("cause", outcome["cause"])]
    if outcome.get("kill_message"):
        rows.append(("killMessage", outcome["kill_message"]))
    if outcome.get("message"):
        rows.append(("message", outcome["message"]))
    rows += [
        ("startTime", time.ctime(outcome["start_ms"] / 1000)),
        ("endTime", time.ctime(outcome["end_ms"] / 1000)),
        ("maxrss", outcome["max_rss_kb"]),  # OpenCue's logs have it twice, and readers look for one or the other
        ("maxUsedGpuMemory", 0),
        ("utime", f"{outcome['user_ms'] / 1000:.2f}"),
        ("stime", f"{outcome['system_ms'] / 1000:.2f}"),
        ("renderhost", host_name),
        ("maxrss (KB)", outcome["max_rss_kb"]),
    ]
    return f"\n{_RULE}RenderQ Job Complete\n{_table(rows, 20)}{_RULE}"


def _table(rows: Iterable[tuple[str, object]], width: int) -> str:
    return "".join(f"{label:<{width}}{_one_line(value)}\n" for label, value in rows)


def _one_line(value: object) -> str:
    return str(value).replace("\n", "\\n")
