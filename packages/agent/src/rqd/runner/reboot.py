"""The machine is rebooted, by the command that whoever runs the agent has chosen."""

from __future__ import annotations

import subprocess
from typing import Sequence

from rqd import log

COMMAND_SECONDS_MAX = 60.0
"""A command that reboots is over at once, or never."""
WORDS_CHARACTERS_MAX = 500


def reboot(command: Sequence[str]) -> bool:
    """Run the command that reboots this machine. Returns whether it did what it could; if not, the log says why."""
    log.info("this machine is rebooted", command=" ".join(command))
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        why = f"it was not over after {COMMAND_SECONDS_MAX:g} s"
    except OSError as problem:
        why = str(problem)
    else:
        if not done.returncode:
            return True
        words = done.stdout.decode(errors="replace").strip()[:WORDS_CHARACTERS_MAX]
        why = f"exit status {done.returncode}: {words}"
    log.error("this machine is not rebooted: its agent goes on", why=why, command=" ".join(command))
    return False
