"""The command `cueman`, from its line to an exit status."""

from __future__ import annotations

import sys
from typing import Any, List, Optional, Sequence

from cue_cli.at_farm import FAILED, at_farm
from cue_cli.cueman.parser import LISTS, Command, chosen, get_parser, split
from cue_cli.standard_output import ends_with_reader, run_command


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return the exit status: 0 done, 1 not or nothing to do, 2 for flags that make no sense."""
    return run_command("cueman", lambda: _main(list(sys.argv[1:] if argv is None else argv)))


def _main(words: List[str]) -> int:
    parser = get_parser()
    if not words:
        parser.print_help()
        return 0
    options = parser.parse_args(words)
    command = chosen(parser, options)
    if command.name in LISTS:
        ends_with_reader()
    return at_farm(options, lambda session: _run(session, command), usage_status=FAILED)


def _run(session: Any, command: Command) -> None:
    from cue_cli.cueman import actions, listing
    from cue_cli.cueman.choosing import jobs_of

    words, values = split(command, getattr(session.options, command.name))
    act = getattr(listing if command.name in LISTS else actions, command.name)
    past_too = command.name in (*LISTS, "eat", "retry")
    act(session, jobs_of(words, session.options.where, finished=past_too), *values)
