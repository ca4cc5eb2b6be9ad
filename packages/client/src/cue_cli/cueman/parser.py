"""The command line of cueman: its commands, and the filters that choose frames."""

from __future__ import annotations

import argparse
from typing import Any, List, NamedTuple, Optional, Tuple

from cue_cli.at_farm import add_farm_options, version_line
from cue_cli.suggestions import SuggestingParser

EPILOG = (
    "One command at a time. A job is its name, its id, or a pattern such as 'demo-*' of pending ones; several have "
    "commas or blanks between them. Commands on frames are for all that the filters match. Exit status: 0 done, 1 not "
    "done, nothing to do, or a value makes no sense, 2 the flags make none."
)


class _AsWritten(argparse.HelpFormatter):
    """Shows what a command takes as the table has it, without the brackets and dots of argparse."""

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return str(action.metavar) if action.nargs == "*" else super()._format_args(action, default_metavar)


class Command(NamedTuple):
    """One command: its flags, what it takes, whether it is about frames, and what it does."""

    name: str
    flags: tuple[str, ...]
    takes: str
    on_frames: bool
    text: str

    @property
    def values(self) -> int:
        """How many words come behind the jobs."""
        return len(self.takes.split()) - 1


COMMANDS = (
    Command("list_frames", ("-lf",), "JOB...", True, "list frames"),
    Command("list_procs", ("-lp", "-lap"), "JOB...", True, "list what runs"),
    Command("list_layers", ("-ll",), "JOB...", False, "list layers"),
    Command("info", ("-info",), "JOB...", False, "show a job with its counts and layers"),
    Command("pause", ("-pause", "--pause"), "JOB...", False, "start no more frames"),
    Command("resume", ("-resume", "--resume"), "JOB...", False, "let paused jobs go on"),
    Command("terminate", ("-term",), "JOB...", False, "kill jobs"),
    Command("eat", ("-eat",), "JOB...", True, "give frames up"),
    Command("kill", ("-kill",), "JOB...", True, "kill running frames"),
    Command("retry", ("-retry",), "JOB...", True, "run frames again; without a filter the dead ones"),
    Command("done", ("-done",), "JOB...", True, "let go what depends on frames"),
    Command("stagger", ("-stagger",), "JOB... RANGE INCREMENT", True, "run every INCREMENT-th frame of a range first"),
    Command("reorder", ("-reorder",), "JOB... RANGE FIRST|LAST|REVERSE", True, "move a range of frames in the order"),
    Command("retries", ("-retries",), "JOB... COUNT", False, "set how often a failed frame is run again"),
    Command("auto_eat_on", ("-autoeaton",), "JOB...", False, "give failed frames up, those that are dead now too"),
    Command("auto_eat_off", ("-autoeatoff",), "JOB...", False, "keep failed frames for somebody to look at"),
)
LISTS = ("list_frames", "list_procs", "list_layers", "info")
FILTERS = {
    "state": ("list_frames", "eat", "kill", "retry", "done"),
    "range": ("list_frames", "eat", "kill", "retry", "done"),
    "layer": ("list_frames", "list_procs", "eat", "kill", "retry", "done", "stagger", "reorder"),
    "duration": ("list_frames", "list_procs", "eat", "kill", "retry", "done"),
    "memory": ("list_frames", "list_procs", "eat", "kill", "retry", "done"),
    "page": ("list_frames",),
    "limit": ("list_frames", "list_procs"),
    "json": LISTS,
}
"""Which commands a filter is for: elsewhere it would be ignored in silence."""


def get_parser() -> SuggestingParser:
    """Return the parser of every option."""
    parser = SuggestingParser(
        prog="cueman",
        usage="cueman [option...] COMMAND JOB...   (cueman -h lists them)",
        description="Look at the frames and layers of jobs, and act on them.",
        epilog=EPILOG,
        formatter_class=_AsWritten,
    )
    general = parser.add_argument_group("General")
    add_farm_options(general)
    general.add_argument("-force", "--force", action="store_true", help="do it without asking")
    general.add_argument("--json", action="store_true", help="lists as JSON")
    general.add_argument("--version", action="version", version=version_line("cueman"))
    commands = parser.add_argument_group("Commands")
    for command in COMMANDS:
        _add(commands, command)
    _add_filters(parser.add_argument_group("Filters"))
    return parser


def _add(group: Any, command: Command) -> None:
    group.add_argument(*command.flags, dest=command.name, nargs="*", metavar=command.takes, help=command.text)


def _add_filters(group: Any) -> None:
    group.add_argument("-state", nargs="+", metavar="STATE", help="frames in a state: waiting running dead ...")
    group.add_argument("-range", metavar="RANGE", help="frame numbers, such as 1-10x2,20")
    group.add_argument("-layer", nargs="+", metavar="LAYER", help="frames of layers")
    group.add_argument("-duration", metavar="HOURS", help="running time: A-B, gtN, ltN, or N for at least N")
    group.add_argument("-memory", metavar="GB", help="memory in use: A-B, gtN, ltN, or N for at least N")
    group.add_argument("-page", type=_count, metavar="N", help="that page of -lf, of -limit frames (500)")
    group.add_argument("-limit", type=_count, metavar="N", help="at most N lines of -lf and -lp (default: all)")
    group.add_argument("-where", metavar="QUERY", help="the jobs that a query finds: 'show:big* dead>0 user:me'")


def chosen(parser: SuggestingParser, options: argparse.Namespace) -> Command:
    """Return the one command of a line; end with status 2 where there is none, or what is given does not go with it."""
    given = [command for command in COMMANDS if getattr(options, command.name) is not None]
    if not given:
        parser.error("nothing to do; name a command, such as -lf JOB (cueman -h lists them)")
    if len(given) > 1:
        parser.error(f"one command at a time, not {' and '.join(command.flags[0] for command in given)}")
    command = given[0]
    for name, commands in FILTERS.items():
        if getattr(options, name) not in (None, False) and command.name not in commands:
            parser.error(f"{'--json' if name == 'json' else '-' + name} does not go with {command.flags[0]}")
    jobs, values = split(command, getattr(options, command.name))
    takes = f"{command.flags[0]} takes {command.takes}, or -where QUERY in place of the jobs"
    if len(values) < command.values or not (jobs or options.where is not None):
        parser.error(takes)
    if jobs and options.where is not None:
        parser.error(f"{takes}, not both")
    return command


def split(command: Command, words: List[str]) -> Tuple[List[str], List[str]]:
    """Return the words of a command that name jobs, and the values behind them."""
    at = max(len(words) - command.values, 0)
    return words[:at], words[at:]


def _count(text: str) -> Optional[int]:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000000")
    return int(text)
