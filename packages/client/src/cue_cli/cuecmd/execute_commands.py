"""Runs the lines of a file of commands that fall to one frame; it is copied beside the file, and needs only Python.

`execute_commands.py FILE CHUNK --frame N` runs the commands from the one of number (N-1)*CHUNK on, CHUNK of them, each
in a shell. It stops at the first that fails, and exits with its status.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Optional, Sequence


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the commands of one frame and return the exit status."""
    parser = argparse.ArgumentParser(description="Run the lines of a file of commands that fall to one frame.")
    parser.add_argument("file", help="a file with one command a line")
    parser.add_argument("chunk", type=int, help="commands a frame")
    parser.add_argument("--frame", type=int, required=True, help="number of the frame, from 1")
    options = parser.parse_args(argv)
    with open(options.file, encoding="utf-8") as stream:
        commands = [line.strip() for line in stream if line.strip()]
    first = (options.frame - 1) * options.chunk
    if first >= len(commands):
        print(f"frame {options.frame} is beyond the last of {len(commands)} commands: nothing to do")
    for number, command in enumerate(commands[first : first + options.chunk], first):
        print(f"Executing command {number}: {command}", flush=True)
        status = subprocess.call(command, shell=True)
        if status:
            print(f"Command {number} failed with exit status {status}", file=sys.stderr)
            return status if status > 0 else 128 - status
    return 0


if __name__ == "__main__":
    sys.exit(main())
