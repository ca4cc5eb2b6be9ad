"""`cuefarm submit -- COMMAND...`: one command, run once for each frame of a range, from wherever a shell is."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple

from cue_cli import numbers
from cue_cli.farm_warnings import showPlainly
from cue_cli.launching import next_steps, record, specification
from cue_cli.standard_output import run_command
from cue_cli.suggestions import SuggestingParser
from opencue.wording import counted

FRAME_TOKENS = ("#IFRAME#", "#ZFRAME#", "#FRAME#", "#FRAMESPEC#", "#FRAME_START#")
CHUNK_TOKENS = ("#FRAMESPEC#", "#FRAME_END#", "#FRAME_CHUNK#")
SAME_NAMES_MAX = 100
"""Jobs of one command at a time whose names are told apart by a number at the end."""

EPILOG = """\
examples:
  cuefarm submit --frames 1-20 -- povray +Iscene.pov +K#IFRAME# +Oout#ZFRAME#.png -D
  cuefarm submit --frames 1-100 --chunk 10 --wait -- render --from #FRAME_START# --to #FRAME_END#
  cuefarm submit --name sim --memory 8g -- 'python sim.py > sim.txt'

In the command, #IFRAME# becomes the frame's number, #ZFRAME# the same in four digits: what a frame writes needs it in
its name. A program that opens a window must be told not to (povray's -D). A single quoted text is given to a shell as
it is. Frames run in the current folder where their host has it, else in its folder for temporary files.

exit status: 0 submitted (with --wait: done), 1 not submitted, 2 the line makes no sense; with --wait also 3 the job
cannot go on, 4 it was killed, 130 interrupted (the job goes on)."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Submit a command and return the exit status."""
    return run_command("cuefarm submit", lambda: _main(list(sys.argv[1:] if argv is None else argv)))


def _main(words: List[str]) -> int:
    parser = _parser()
    options, command = _read(parser, words)
    slips = _check(parser, options, command)
    showPlainly()
    from opencue.exception import CueException, ServerNotNamedException
    from outline.exception import JobFailedException, JobKilledException, OutlineException

    try:
        return _submit(options, command, slips)
    except (JobFailedException, JobKilledException) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"cuefarm submit: {str(interrupt) or 'interrupted'}\n")
        return 130
    except (CueException, OutlineException) as error:
        sys.stderr.write(f"cuefarm submit: {_words(error)}\n")
        return 2 if isinstance(error, ServerNotNamedException) else 1


def _parser() -> SuggestingParser:
    parser = SuggestingParser(
        prog="cuefarm submit",
        usage="cuefarm submit [option...] -- COMMAND [argument...]",
        description="Run a command on the farm, once for each frame.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--frames", metavar="RANGE", default="1", help="such as 1-20, 1-100x5,200, or 5-1 for 5 down to 1 (default 1)")
    add(
        "--chunk",
        type=numbers.atLeastOne,
        default=1,
        metavar="N",
        help="frames that one run of the command does (default 1)",
    )
    add(
        "--cores",
        type=numbers.cores,
        metavar="N",
        help="cores that a frame needs (default: the service's, 1 on a new farm)",
    )
    add("--memory", type=numbers.memory, metavar="AMOUNT", help="memory that a frame needs, such as 4g or 512m")
    add("--tags", metavar="TAG,...", help="tags of which a host needs one (default: the service's)")
    add("--name", metavar="NAME", help="name of the job (default: the program's)")
    add("--show", metavar="SHOW", help="(default: $SHOW, else testing)")
    add("--shot", metavar="SHOT", help="(default: $SHOT, else default)")
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable for all frames; may be repeated")
    add("--retries", type=numbers.retries, metavar="N", help="how often a failed frame is run again (default 2)")
    add(
        "--timeout",
        type=numbers.minutes,
        metavar="MINUTES",
        help="minutes that a frame may run (default: no limit)",
    )
    add(
        "--timeout-llu",
        type=numbers.minutes,
        metavar="MINUTES",
        help="minutes that it may write nothing to its log",
    )
    add("--priority", type=numbers.notNegative, metavar="N", help="the higher number goes first (default 1)")
    add("--depend-on", action="append", default=[], metavar="JOB", help="wait until a job is done; may be repeated")
    add("--pause", action="store_true", help="submit the job paused")
    add("--wait", action="store_true", help="wait until the job is over, or nothing in it can go on")
    add("--server", metavar="HOST[:PORT]", help="the server (default: $CUEBOT_HOSTS, else the one farm of yours here)")
    add("--dry-run", action="store_true", help="show what would be submitted; needs no server")
    add("--json", action="store_true", help="for programs: the job as JSON on stdout")
    return parser


def _read(parser: SuggestingParser, words: List[str]) -> Tuple[Any, List[str]]:
    """Return the options and the command: what stands behind `--`, or from the first word on that is no option."""
    options: List[str] = []
    rest = list(words)
    while rest and rest[0] != "--":
        word = rest[0]
        if not word.startswith("-"):
            break
        options.append(rest.pop(0))
        if parser.takes_value(word) and rest:
            value = rest.pop(0)
            if word == "--frames" and re.match(r"-\d", value):  # a range may begin with a negative number
                options[-1] = f"--frames={value}"
            else:
                options.append(value)
    return parser.parse_args(options), rest[1:] if rest[:1] == ["--"] else rest


def _check(parser: SuggestingParser, options: Any, command: List[str]) -> List[str]:
    """End with status 2 for what makes no sense; return warnings of what is likely a slip."""
    from FileSequence import FrameSet

    if not command or not command[0].strip():
        parser.error("what is to be run? Write the command behind --, such as: cuefarm submit -- render scene.blend")
    try:
        frames = len(set(FrameSet(options.frames)))
    except ValueError as error:
        parser.error(f"--frames {options.frames}: {error}")
    for assignment in options.env:
        if not re.match(r"[^=]+=", assignment):
            parser.error(f"--env {assignment}: write NAME=VALUE")
    slips = []
    text = " ".join(command)
    if frames > 1 and not any(token in text for token in FRAME_TOKENS):
        slips.append(
            f"the command is the same for all {frames} frames; put #IFRAME# (or #ZFRAME#, four digits) where the"
            " frame's number belongs"
        )
    elif options.chunk > 1 and not any(token in text for token in CHUNK_TOKENS):
        slips.append(
            f"a run of the command is to do {options.chunk} frames and is told only the first; give it #FRAME_START#"
            " and #FRAME_END#, or #FRAMESPEC#"
        )
    program = command[0]
    if not shutil.which(program) and not re.search(r"[\s$#=;&|(]", program):  # with these it is a line for a shell
        slips.append(f"there is no program {program!r} on this machine; the hosts need it")
    return slips


def _submit(options: Any, command: List[str], slips: List[str]) -> int:
    name = options.name or _name_of(command)
    if options.dry_run:
        _warn(slips)
        return _show(options, command, name)
    job = _launch(options, command, name)
    _warn(slips)  # only now: of a job that was refused there is nothing to warn
    layer = _name_of(command)
    # Progress goes to stderr where stdout is for a program.
    tell = _to_stderr if options.json else print
    if not options.json or options.wait:
        tell(f"{job.name()} is submitted: {counted(job.totalFrames(), 'frame')} in layer {layer}")
    if options.wait:
        from outline.backend.cue import wait

        wait(job, lambda line: tell(line, flush=True))
    elif not options.json:
        print("\n".join(next_steps(job, layer, _first_frame(options))))
    if options.json:
        print(json.dumps(record(job)))
    return 0


def _launch(options: Any, command: List[str], name: str) -> Any:
    """Submit; a name that was not asked for gets a number where another job has it still."""
    from opencue.exception import EntityAlreadyExistsException

    for number in range(1, SAME_NAMES_MAX + 1):
        try:
            return _launcher(options, command, name if number == 1 else f"{name}_{number}").launch(use_pycuerun=False)[
                0
            ]
        except EntityAlreadyExistsException:
            if options.name or number == SAME_NAMES_MAX:
                raise
    raise AssertionError("the loop returns or raises")


def _launcher(options: Any, command: List[str], name: str) -> Any:
    from outline import Outline
    from outline.cuerun import OutlineLauncher
    from outline.modules.shell import Shell

    arguments: Dict[str, Any] = {"range": options.frames, "chunk": options.chunk}
    for key in ("cores", "memory", "tags", "timeout", "timeout_llu"):
        if getattr(options, key) is not None:
            arguments[key] = getattr(options, key)
    outline = Outline(name, frame_range=options.frames)
    # One quoted text is a line for a shell; several words are kept apart as they were.
    outline.add_layer(Shell(_name_of(command), command=command[0] if len(command) == 1 else command, **arguments))
    for job in options.depend_on:
        outline.depend_on_job(job)
    return OutlineLauncher(
        outline,
        backend="cue",
        env=options.env,
        maxretries=options.retries,
        pause=options.pause,
        priority=options.priority,
        server=options.server,
        shot=options.shot,
        show=options.show,
    )


def _show(options: Any, command: List[str], name: str) -> int:
    """Print the specification; what it left on disk on the way is removed."""
    text = specification(_launcher(options, command, name))
    print(json.dumps({"spec": text}) if options.json else text)
    return 0


def _name_of(command: List[str]) -> str:
    """Return the program's name as far as it can be the name of a job and a layer, which have three characters."""
    program = os.path.splitext(os.path.basename(command[0].split()[0]))[0]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", program).strip("_.-")
    return name if len(name) >= 3 else f"{name}_job".lstrip("_")


def _first_frame(options: Any) -> int:
    """Return the frame of which there is a log first: a chunk's frame is its first one."""
    from FileSequence import FrameSet

    return int(FrameSet(options.frames)[0])


def _words(error: Any) -> str:
    from cue_cli.cueadmin.session import said

    return said(error)


def _warn(slips: List[str]) -> None:
    for slip in slips:
        sys.stderr.write(f"cuefarm submit: warning: {slip}\n")


def _to_stderr(line: str, **_: Any) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
