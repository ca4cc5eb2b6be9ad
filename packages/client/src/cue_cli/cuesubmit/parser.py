"""The command line of cuesubmit: the job and its first layer, then further layers behind `+`."""

from __future__ import annotations

import argparse
from typing import Any, Dict, List

from cue_cli import numbers
from cue_cli.at_farm import add_farm_options, version_line
from cue_cli.cueadmin.session import UsageError
from cue_cli.cuesubmit import submission
from cue_cli.cuesubmit.job_types import JOB_TYPES, all_flags
from cue_cli.suggestions import SuggestingParser

NEXT_LAYER = "+"
EPILOG = """\
A `+` begins the next layer, which has the flags of layers and applications:
  cuesubmit --name film --type Nuke --file comp.nk --frames 1-100 + --type Shell --command 'encode /shots' --frames 1
            --depend layer
In a Shell command #IFRAME# becomes the frame's number. Without flags a form asks for everything.

Exit status: 0 submitted (with --wait: done), 1 not submitted, 2 the line makes no sense; with --wait also 3 the job
cannot go on, 4 it was killed, 130 interrupted (the job goes on)."""


def get_parser() -> SuggestingParser:
    """Return the parser of the job and its first layer."""
    parser = SuggestingParser(
        prog="cuesubmit",
        usage="cuesubmit [option...] [+ option...]",
        description="Submit a job of Shell, Blender, Maya, Nuke or Houdini layers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    job = parser.add_argument_group("Job")
    job.add_argument("--name", metavar="NAME", help="name of the job")
    job.add_argument(
        "--show", metavar="SHOW", help="(default: $SHOW, else DEFAULT_SHOW of cuesubmit.yaml, else testing)"
    )
    job.add_argument("--shot", metavar="SHOT", help="(default: $SHOT, else default)")
    job.add_argument("--user", metavar="USER", help="whose job it is (default: you)")
    job.add_argument("--render-to", metavar="FACILITY", help="facility that renders it (default: $RENDER_TO, else any)")
    job.add_argument(
        "--priority", type=numbers.notNegative, metavar="N", help="the higher number goes first (default 1)"
    )
    job.add_argument("--pause", action="store_true", help="submit the job paused")
    job.add_argument("--wait", action="store_true", help="wait until the job is over, or nothing in it can go on")
    job.add_argument("--form", action="store_true", help="ask for everything; what is given is offered as an answer")
    job.add_argument("--dry-run", action="store_true", help="show what would be submitted; needs no server")
    job.add_argument("--no-check", action="store_true", help="submit what this machine and the farm do not know, too")
    job.add_argument("--json", action="store_true", help="for programs: the job as JSON on stdout")
    _add_layer_options(parser)
    general = parser.add_argument_group("General")
    add_farm_options(general, takes_words=True)
    general.add_argument("-force", "--force", action="store_true", help="submit what the form has without asking")
    general.add_argument("--version", action="version", version=version_line("cuesubmit"))
    return parser


def _layer_parser() -> SuggestingParser:
    parser = SuggestingParser(prog=f"cuesubmit ... {NEXT_LAYER}", add_help=False)
    _add_layer_options(parser)
    return parser


def _add_layer_options(parser: argparse.ArgumentParser) -> None:
    layer = parser.add_argument_group("Layer")
    layer.add_argument("--type", metavar="TYPE", help=f"{', '.join(job_type.name for job_type in JOB_TYPES)}")
    layer.add_argument("--layer", metavar="NAME", help="name of the layer (default: that of its type)")
    layer.add_argument(
        "--frames", metavar="RANGE", help="such as 1-20 or 1-100x5,200 (default: that of the layer before)"
    )
    layer.add_argument("--chunk", metavar="N", help="frames that one run of the command does (default 1)")
    layer.add_argument("--cores", metavar="N", help="0: the whole host, -2: all cores but two (default: the service's)")
    layer.add_argument(
        "--memory", type=numbers.memory, metavar="AMOUNT", help="such as 4g or 512m (default: the service's)"
    )
    layer.add_argument("--services", metavar="NAME,...", help="(default: that of the type)")
    layer.add_argument("--limits", metavar="NAME,...", help="limits that its frames count against")
    layer.add_argument(
        "--depend", metavar="HOW", help="wait for the layer before: `layer` for all of it, or by `frame`"
    )
    application = parser.add_argument_group("Application")
    for flag, metavar, names in all_flags():
        application.add_argument(flag, metavar=metavar, help=f"for {', '.join(names)}")


def sections(words: List[str]) -> List[List[str]]:
    """Return the words of each layer."""
    found: List[List[str]] = [[]]
    for word in words:
        if word == NEXT_LAYER:
            found.append([])
        else:
            found[-1].append(word)
    return found


def parse(words: List[str]) -> List[argparse.Namespace]:
    """Return the options of the job with its first layer, and those of each further layer."""
    first, *others = sections(words)
    parser, layer_parser = get_parser(), _layer_parser()
    for word in (word for other in others for word in other):
        if parser.has_flag(word) and not layer_parser.has_flag(word):
            parser.error(f"{word.split('=', 1)[0]} is of the whole job: it belongs before the first `{NEXT_LAYER}`")
    return [parser.parse_args(first), *(layer_parser.parse_args(other) for other in others)]


def job_of(given: List[argparse.Namespace], settings: Dict[str, str]) -> submission.JobData:
    """Return the job of a line.

    Raises:
        UsageError: something is missing, or makes no sense.
    """
    options = given[0]
    if not options.name:
        raise UsageError("the job needs a name (--name); `cuesubmit --form` asks for everything")
    job = submission.JobData(submission.name_of("job", options.name), facility=options.render_to, user=options.user)
    job.show = show_of(options, settings)
    job.shot = submission.name_of("shot", options.shot) if options.shot else None
    for section in given:
        job.layers.append(_layer_of(section, job.layers, checks_files=not options.no_check))
    return job


def show_of(options: Any, settings: Dict[str, str]) -> Any:
    """Return the show that a line or the configuration names; None leaves it to the environment."""
    import os

    given = options.show or (None if os.environ.get("SHOW") else settings.get("DEFAULT_SHOW"))
    return submission.name_of("show", given) if given else None


def _layer_of(
    options: argparse.Namespace, before: List[submission.LayerData], *, checks_files: bool
) -> submission.LayerData:
    if not options.type:
        raise UsageError(f"{_which(before)} needs a type (--type {'|'.join(job_type.name for job_type in JOB_TYPES)})")
    job_type = submission.job_type_of(options.type)
    known = {part.name for part in job_type.fields}
    for flag, _, names in all_flags():
        name = flag.lstrip("-").replace("-", "_")
        if getattr(options, name) is not None and name not in known:
            raise UsageError(f"{flag} goes with {', '.join(names)}, not with {job_type.name}")
    frames = options.frames or (before[-1].frames if before else None)
    if not frames:
        raise UsageError("which frames? Name them: --frames 1-20")
    name = submission.name_of("layer", options.layer or job_type.layer_name)
    if name in [layer.name for layer in before]:
        raise UsageError(f"two layers are called {name!r}; name one of them with --layer")
    return submission.LayerData(
        job_type,
        name,
        submission.frames_of(frames),
        {
            part.name: submission.value_of(part, getattr(options, part.name) or "", checks_files=checks_files)
            for part in job_type.fields
        },
        chunk=submission.chunk_of(options.chunk or "1"),
        cores=submission.cores_of(options.cores or ""),
        memory=options.memory,
        services=names_in(options.services),
        limits=names_in(options.limits),
        depend=submission.depend_of(options.depend or "", is_first=not before),
    )


def names_in(text: Any) -> List[str]:
    """Return names that commas or blanks separate."""
    return (text or "").replace(",", " ").split()


def _which(before: List[submission.LayerData]) -> str:
    return f"layer {len(before) + 1}" if before else "the layer"
