"""The command `cuesubmit`, from its line to an exit status."""

from __future__ import annotations

import json
import sys
from typing import Any, List, Optional, Sequence

from cue_cli.at_farm import at_farm
from cue_cli.launching import next_steps, record, specification, wait_for
from cue_cli.standard_output import run_command
from opencue.wording import counted


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Submit a job and return the exit status."""
    return run_command("cuesubmit", lambda: _main(list(sys.argv[1:] if argv is None else argv)))


def _main(words: List[str]) -> int:
    from cue_cli.cuesubmit.parser import get_parser, parse

    if not words and not sys.stdin.isatty():
        get_parser().error("a form needs a terminal, or --form to read the answers from stdin (-h lists all flags)")
    given = parse(words or ["--form"])
    options = given[0]
    return at_farm(options, lambda session: _run(session, given), connects=not options.dry_run)


def _run(session: Any, given: List[Any]) -> None:
    from cue_cli.cuesubmit import settings, submission
    from cue_cli.cuesubmit.form import Form, table
    from cue_cli.cuesubmit.parser import job_of

    options, known = given[0], settings.read()
    at_farm_too = not (options.no_check or options.dry_run)
    if options.form:
        job = Form(given, known, checks=at_farm_too).fill()
        print("\n".join(["", *table(job), ""]))
        if not options.dry_run:
            session.confirm(f"Submit {job.name}, {counted(len(job.layers), 'layer')}", named=True)
    else:
        job = job_of(given, known)
        if at_farm_too:
            submission.check_at_farm(job)
    _submit(options, submission.launcher(job, known, pause=options.pause, priority=options.priority), job)


def _submit(options: Any, launcher: Any, data: Any) -> None:
    if options.dry_run:
        text = specification(launcher)
        print(json.dumps({"spec": text}) if options.json else text)
        return
    job = launcher.launch(use_pycuerun=False)[0]
    if not options.json:
        print(
            f"{job.name()} is submitted: {counted(job.totalFrames(), 'frame')} in {counted(len(data.layers), 'layer')}"
        )
    if options.wait:
        wait_for(job, sys.stderr if options.json else None)  # stdout is for the program then
    if options.json:
        print(json.dumps(record(job)))
    elif not options.wait:
        print("\n".join(next_steps(job, data.layers[0].name, _first_frame(data.layers[0]))))


def _first_frame(layer: Any) -> int:
    from FileSequence import FrameSet

    return int(FrameSet(layer.frames)[0])
