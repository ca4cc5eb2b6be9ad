"""The command line: options, filters, and the commands of the table."""

from __future__ import annotations

import argparse
import os
import re
from typing import Any, Union

from cue_cli.cueadmin.commands import SECTIONS, Command
from cue_cli.cueadmin.output_styles import CUEFARM, UPSTREAM
from cue_cli.suggestions import SuggestingParser

EPILOG = (
    "One command at a time. Exit status: 0 done, 1 it could not be done, there was nothing to do, or the output could "
    "not be written, 2 the command line makes no sense. Without a reader (`| head`) a list ends, an action goes on."
)
COUNT_DIGITS_MAX = 9  # every such number fits into a message
FORMAT_VARIABLE = "CUEADMIN_FORMAT"


def getParser(*, with_query: bool = False) -> argparse.ArgumentParser:
    """Return the parser of every option; `with_query` where -where says what a command is for."""
    parser = SuggestingParser(
        prog="cueadmin",
        usage="cueadmin [option...] COMMAND [argument...]   (cueadmin -h lists them)",
        description="Look at the farm and run it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_general(parser.add_argument_group("General"))
    for title, commands in SECTIONS.items():
        group = parser.add_argument_group(title)
        for command in commands:
            _add_command(group, command, with_query)
    _add_additions(parser.add_argument_group("Additions to commands"))
    _add_filters(parser.add_argument_group("Filters of lists, and the choice of hosts"))
    return parser


def _add_general(group: Any) -> None:
    group.add_argument("-server", nargs="+", metavar="HOST[:PORT]", help="the server to talk to")
    group.add_argument("-facility", metavar="NAME", help="talk to the servers of a facility from the configuration")
    group.add_argument("-verbose", "-v", action="store_true", help="debug log on stderr, and a traceback of errors")
    group.add_argument("-force", action="store_true", help="do it without asking")
    group.add_argument("--json", action="store_true", help="lists, -explain, -runs, -spec and -watch as JSON")
    group.add_argument(
        "--format",
        choices=(CUEFARM, UPSTREAM),
        default=os.environ.get(FORMAT_VARIABLE) or CUEFARM,
        help=f"columns and words of lists, `upstream` for scripts that parse those (environment: {FORMAT_VARIABLE})",
    )
    group.add_argument("-query", "-q", nargs="+", help=argparse.SUPPRESS)


def _add_additions(group: Any) -> None:
    group.add_argument(
        "-markdone", action="store_true", help="with -eat-frames: let go what depends on the frames, too"
    )
    group.add_argument("-now", action="store_true", help="with -redirect: end the frames for it; they wait again")
    group.add_argument(
        "-with-spec", metavar="FILE", help="with -try-filters: the jobs of a specification, which is not launched"
    )
    group.add_argument("-even-failed", action="store_true", help="with -depend: dead frames of the other count as done")


def _add_filters(group: Any) -> None:
    group.add_argument(
        "-job", nargs="+", metavar="JOB", help="jobs by name or id, for -lj -lji -lp -ll -redirect -unbook -try-filters"
    )
    group.add_argument("-alloc", nargs="+", metavar="ALLOC", help="allocations, for -lh -lp -ll")
    group.add_argument("-memory", metavar="GB", help="reserved memory, for -lp -ll: A-B, gtN, ltN, or N for at least N")
    group.add_argument(
        "-duration", metavar="HOURS", help="running time, for -lp -ll: A-B, gtN, ltN, or N for at least N"
    )
    group.add_argument(
        "-limit",
        type=_count,
        default=0,
        metavar="N",
        help="at most N lines, for -lp -ll -try-filters (0 for all), -finished, -runs and -...-history (0 for 100)",
    )
    group.add_argument(
        "-where",
        metavar="QUERY",
        help="what -lj -lji -lh -lp -ll show, or an action is for: 'show:big* dead>0 user:me' (see -fields)",
    )
    group.add_argument(
        "-order", default="", metavar="FIELD", help="with -where: by that field, `-order=-FIELD` the largest first"
    )
    group.add_argument("-finished", nargs="*", metavar="PART", help="finished jobs, the last first, for -lj -lji")
    group.add_argument("-attempt", type=_count, default=0, metavar="N", help="that run of the frame, for -runs -log")
    group.add_argument("-f", dest="follow", action="store_true", help="go on until the run is over, for -log")
    group.add_argument("-state", nargs="+", metavar="STATE", help="up down rebooting reboot_when_idle repair, for -lh")
    group.add_argument(
        "-lock-state", type=str.upper, choices=("OPEN", "LOCKED", "NIMBY_LOCKED"), help="lock state, for -lh"
    )
    group.add_argument("-sort-idle", action="store_true", help="the most idle first, for -lh")
    group.add_argument("-host", nargs="+", metavar="HOST", help="hosts, for commands on hosts and -lh -lp -ll")
    group.add_argument("-hostmatch", "-hm", nargs="+", metavar="PART", help="hosts whose name contains a part")


def _add_command(group: Any, command: Command, with_query: bool) -> None:
    least, most = command.bounds
    names = tuple(re.findall(r"[A-Z][A-Z|]*", command.takes))
    if most == 0:
        group.add_argument(*command.flags, dest=command.name, action="store_true", help=_help(command))
        return
    nargs: Union[int, str]
    metavar: Union[str, tuple[str, ...]]
    if with_query:
        nargs, metavar = "*", (names[0], names[-1])
    elif least == most:
        nargs, metavar = int(least), names
    else:
        nargs = "+" if least else "*"
        metavar = names if nargs == "*" and len(names) == 1 else (names[0], names[-1])
    group.add_argument(*command.flags, dest=command.name, nargs=nargs, metavar=metavar, help=_help(command))


def _count(text: str) -> int:
    if not text.strip().isdecimal() or len(text) > COUNT_DIGITS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {'9' * COUNT_DIGITS_MAX}")
    return int(text)


def _help(command: Command) -> str:
    return command.text.replace("%", "%%")
