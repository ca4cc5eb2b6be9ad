"""The command `cuecmd`, from its line to an exit status."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from typing import Any, List, Optional, Sequence

from cue_cli.at_farm import add_farm_options, at_farm, version_line
from cue_cli.launching import wait_for
from cue_cli.standard_output import run_command
from cue_cli.suggestions import SuggestingParser

LAYER = "cuecmd"
CORES_MIN, CORES_MAX = 0.01, 10_000
MEMORY_GB_MIN, MEMORY_GB_MAX = 1 / 1024, 1_000_000
CHUNK_MAX = 1_000_000


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Submit a file of commands and return the exit status: 0 submitted, 1 not, 2 the line makes no sense."""
    return run_command("cuecmd", lambda: _main(list(sys.argv[1:] if argv is None else argv)))


def get_parser() -> SuggestingParser:
    """Return the parser of every option."""
    parser = SuggestingParser(
        prog="cuecmd",
        usage="cuecmd [option...] COMMAND_FILE",
        description="Run the lines of a file on the farm, each one a command of a shell. Empty lines do not count.",
    )
    parser.add_argument("command_file", metavar="COMMAND_FILE", help="one command a line")
    work = parser.add_argument_group("Job")
    work.add_argument("-c", "--chunk", type=_chunk, default=1, metavar="N", help="commands a frame (default 1)")
    work.add_argument("--cores", type=_cores, default=1.0, metavar="N", help="cores that a frame needs (default 1)")
    work.add_argument("--memory", type=_memory, default=1.0, metavar="GB", help="memory of a frame (default 1)")
    work.add_argument("--job-name", metavar="NAME", help="(default: SHOW_SHOT_USER_ and the name of the file)")
    work.add_argument("--show", metavar="SHOW", help="(default: $SHOW, else testing)")
    work.add_argument("-s", "--shot", metavar="SHOT", help="(default: $SHOT, else default)")
    work.add_argument("--user", metavar="USER", help="whose job it is (default: you)")
    work.add_argument("-p", "--pause", action="store_true", help="submit the job paused")
    work.add_argument("--pretend", action="store_true", help="show what would be submitted; needs no server")
    work.add_argument("--wait", action="store_true", help="wait until the job is over; status 3 failed, 4 killed")
    general = parser.add_argument_group("General")
    add_farm_options(general, takes_words=True)
    general.add_argument("--version", action="version", version=version_line("cuecmd"))
    return parser


def commands_in(path: str) -> List[str]:
    """Return the commands of a file, without blank lines.

    Raises:
        CommandError: it cannot be read, or has none.
    """
    from cue_cli.cueadmin.session import CommandError

    try:
        with open(path, encoding="utf-8") as stream:
            found = [line.strip() for line in stream if line.strip()]
    except OSError as error:
        raise CommandError(f"the file of commands {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"the file of commands {path} is no text in UTF-8") from None
    if not found:
        raise CommandError(f"there is no command in {path}; write one a line")
    return found


def _main(words: List[str]) -> int:
    parser = get_parser()
    options = parser.parse_args(words)
    return at_farm(options, lambda _: _run(options), connects=not options.pretend)


def _run(options: Any) -> None:
    from outline import Outline, util

    count = len(commands_in(options.command_file))
    frames = f"1-{math.ceil(count / options.chunk)}"
    show, shot = options.show or util.get_show(), options.shot or util.get_shot()
    user = options.user or util.get_user()
    name = options.job_name or _default_name(show, shot, user, options.command_file)
    print(f"Found {count} commands in {options.command_file}")
    print(f"Frame range with chunking of {options.chunk}: {frames}")
    if options.pretend:
        _pretend(options, {"Job name": name, "Shot": shot, "Show": show, "User": user, "Frame range": frames})
        return
    _launch(options, Outline(name, frame_range=frames, show=show, shot=shot, user=user), frames)


def _launch(options: Any, outline: Any, frames: str) -> None:
    from cue_cli.cuecmd.layer import CommandFile
    from outline.cuerun import OutlineLauncher

    layer = CommandFile(
        LAYER,
        commands_path=os.path.abspath(options.command_file),
        chunk_of_lines=options.chunk,
        range=frames,
        threads=options.cores,
        threadable=True,
        memory=f"{int(options.memory * 1024)}m",
    )
    outline.add_layer(layer)
    launcher = OutlineLauncher(outline, backend="cue", pause=options.pause)
    launcher.setup()
    print(f"Copied commands to: {layer.get_arg('command')[2]}")
    job = launcher.launch(use_pycuerun=False)[0]
    print(f"Successfully launched job: {job.name()}")
    if options.pause:
        print(f"It is paused; `cueman -resume {job.name()}` lets it go")
    if options.wait:
        wait_for(job)


def _pretend(options: Any, owner: Any) -> None:
    print("\n=== Pretend Mode ===")
    shown = {
        **owner,
        "Chunk size": options.chunk,
        "Cores per frame": options.cores,
        "Memory per frame": f"{options.memory}GB",
        "Command file": options.command_file,
    }
    for name, value in shown.items():
        print(f"{name}: {value}")
    print("\nWould launch the job with the above settings.")


def _default_name(show: str, shot: str, user: str, path: str) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{show}_{shot}_{user}_{stem}")


def _chunk(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= CHUNK_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {CHUNK_MAX}")
    return int(text)


def _cores(text: str) -> float:
    return _number(text, CORES_MIN, CORES_MAX, "cores")


def _memory(text: str) -> float:
    return _number(text, MEMORY_GB_MIN, MEMORY_GB_MAX, "GB")


def _number(text: str, least: float, most: float, unit: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {unit} from {least:g} to {most:g}")
    return number
