"""Executes one frame of an outline: `python .../outline/run.py OUTLINE -e FRAME-LAYER`.

The farm runs this file by its path, so that it works where neither the PATH nor the Python path of the host know of
outline, and so that frames execute with the very code that launched them. It imports as little as it can. The
process ends as the frame's command did: with its exit status, or by its signal.
"""

from __future__ import annotations

import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

if __name__ == "__main__":
    # Python put the folder of this file first; its modules would hide those of the standard library.
    sys.path[0] = _ROOT

USAGE = "usage: run.py OUTLINE -e FRAME-LAYER [--debug] [--dev] [--dev-user USER]"
WAIT_FOR_FILE_SECONDS = 30
"""How long to wait for an outline on shared storage: another machine may see a new file late."""


def main(arguments: list[str]) -> int:
    """Execute the frame that the command line names, and return the exit status."""
    remaining = list(arguments)
    script = frame_name = ""
    while remaining:
        word = remaining.pop(0)
        if word == "-e" and remaining:
            frame_name = remaining.pop(0)
        elif word == "--debug":
            import logging

            logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
        elif word == "--dev":
            os.environ["OL_DEV"] = "1"
        elif word == "--dev-user" and remaining:
            os.environ["OL_DEV_USER"] = remaining.pop(0)
        elif not word.startswith("-") and not script:
            script = word
        else:
            script = ""
            break
    if not script or not frame_name:
        sys.stderr.write(USAGE + "\n")
        return 2
    return execute(script, frame_name)


def execute(script: str, frame_name: str) -> int:
    """Execute a frame, `12-render`, of an outline; print what goes wrong and return the exit status."""
    from outline.exception import OutlineException, ShellCommandFailureException

    try:
        frame, layer = split_frame_name(frame_name)
        _wait_for(script)
        from outline.loader import load_outline  # not outline.cuerun, which imports what only a launch needs

        load_outline(script).get_layer(layer).execute(frame)
    except ShellCommandFailureException as failure:
        sys.stdout.flush()
        sys.stderr.write(f"{failure.message}\n")
        return failure.exit_status
    except (Exception, SystemExit) as failure:  # noqa: BLE001 - the border of a frame: whatever a layer raises
        return _report(failure, isinstance(failure, OutlineException))
    finally:
        sys.stdout.flush()
    return 0


def split_frame_name(frame_name: str) -> tuple[int, str]:
    """Return number and layer of a frame's name such as `12-render`."""
    from outline.exception import OutlineException

    sign = -1 if frame_name.startswith("-") else 1
    number, dash, layer = frame_name.lstrip("-").partition("-")
    if not dash or not layer or not number.isdigit():
        raise OutlineException(f"{frame_name!r} names no frame: expected something like 12-render")
    return sign * int(number), layer


def _wait_for(path: str) -> None:
    import time

    deadline = time.monotonic() + WAIT_FOR_FILE_SECONDS
    while os.environ.get("CUE_JOB") and not os.path.isfile(path) and time.monotonic() < deadline:
        time.sleep(1)


def _report(failure: BaseException, is_expected: bool) -> int:
    sys.stdout.flush()
    if isinstance(failure, SystemExit):
        if failure.code is None or isinstance(failure.code, int):
            return failure.code or 0
        sys.stderr.write(f"{failure.code}\n")
        return 1
    if is_expected and failure.__cause__ is None:
        sys.stderr.write(f"{failure}\n")
        return 1
    import traceback

    traceback.print_exception(type(failure), failure, failure.__traceback__)
    return 1


def exit_like(status: int) -> None:
    """End this process with a status; a negative one is a signal, by which it then ends as well."""
    sys.stdout.flush()
    if status < 0 and os.name == "posix":
        import resource
        import signal

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command has left its own core file, if any
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status if 0 <= status < 256 else 1)


if __name__ == "__main__":
    exit_like(main(sys.argv[1:]))
