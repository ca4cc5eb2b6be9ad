"""From the command line to an exit status."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from typing import Optional, Sequence

from cue_cli.cueadmin.commands import COMMANDS, LISTS, Command
from cue_cli.cueadmin.output_styles import CUEFARM, UPSTREAM
from cue_cli.cueadmin.parser import FORMAT_VARIABLE, getParser
from cue_cli.farm_warnings import showPlainly
from cue_cli.standard_output import ends_with_reader, run_command

SHORT_HELP = """\
cueadmin: look at the farm and run it.

  cueadmin -lj                     pending jobs
  cueadmin -lji [PART...]          pending jobs with cores, priority, dependencies
  cueadmin -lj -finished           jobs that are over
  cueadmin -lp, -lh, -ll           what runs, hosts, paths of logs
  cueadmin -explain JOB [LAYER] [FRAME]   why frames wait or failed
  cueadmin -log JOB [LAYER] [FRAME]       what a frame wrote
  cueadmin -runs JOB [LAYER] [FRAME]      the attempts of frames
  cueadmin -retry-frames JOB [LAYER] RANGE   run frames again
  cueadmin -pause | -unpause | -kill | -retry JOB...
  cueadmin -priority JOB PRIORITY

cueadmin -h lists everything."""

INTERRUPTED = 130
TAKE_DASHES = ("-where", "-order")
"""Options whose value may begin with a dash."""

ONLY_WITH = {
    "-job": (
        "job",
        (
            *("-lj", "-lji", "-lp", "-ll"),
            *("-redirect", "-redirect-group", "-clear-redirects", "-unbook", "-try-filters"),
        ),
    ),
    "-now": ("now", ("-redirect", "-redirect-group")),
    "-with-spec": ("with_spec", ("-try-filters",)),
    "-finished": ("finished", ("-lj", "-lji")),
    "-attempt": ("attempt", ("-runs", "-log")),
    "-f": ("follow", ("-log",)),
    "-even-failed": ("even_failed", ("-depend",)),
}
"""Options that choose what is shown, where they are kept, and with what: elsewhere they would be ignored in silence."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return the exit status: 0 done, 1 not or nothing to do, 2 the line makes no sense."""
    return run_command("cueadmin", lambda: _main(list(sys.argv[1:] if argv is None else argv)))


def _main(arguments: list[str]) -> int:
    if not arguments:
        print(SHORT_HELP)
        return 0
    is_asking = any(argument.partition("=")[0] == "-where" for argument in arguments)
    parser = getParser(with_query=is_asking)
    options = parser.parse_args(_switches_first(parser, _joined(arguments)))
    chosen = _chosen_command(parser, options)
    if options.verbose:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    _check_installation()
    showPlainly()
    if chosen in LISTS:
        ends_with_reader()  # `cueadmin -lj | head` has seen enough
    try:
        return _run(parser, options, chosen)
    except KeyboardInterrupt:
        return INTERRUPTED


def _joined(arguments: list[str]) -> list[str]:
    """Return the arguments with `-where -tag:gpu` in one: what a query does not want begins as flags do."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in TAKE_DASHES:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _switches_first(parser: argparse.ArgumentParser, arguments: list[str]) -> list[str]:
    """Return the arguments with those first that take none of their own: `-kill-frames -force JOB 1` is no riddle."""
    commands = {command.name for command in COMMANDS}
    switches = {
        flag
        for action in parser._actions
        if action.nargs == 0 and action.dest not in commands
        for flag in action.option_strings
    }
    end = arguments.index("--") if "--" in arguments else len(arguments)
    first = [argument for argument in arguments[:end] if argument in switches]
    return [*first, *(argument for argument in arguments[:end] if argument not in switches), *arguments[end:]]


def _chosen_command(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Command:
    if options.format not in (CUEFARM, UPSTREAM):  # argparse does not check a default
        parser.error(f"{FORMAT_VARIABLE}={options.format} is neither {CUEFARM} nor {UPSTREAM}")
    chosen = [command for command in COMMANDS if getattr(options, command.name) not in (None, False)]
    if not chosen:
        parser.error("nothing to do; name a command, such as -lj (cueadmin -h lists them)")
    if len(chosen) > 1:
        parser.error(f"one command at a time, not {' and '.join(command.flags[0] for command in chosen)}")
    if options.markdone and "-eat-frames" not in chosen[0].flags:
        parser.error("-markdone goes with -eat-frames; `-markdone-frames JOB LAYER RANGE` is the command of its own")
    for option, (attribute, flags) in ONLY_WITH.items():
        if getattr(options, attribute) not in (None, False, 0) and not set(flags) & set(chosen[0].flags):
            parser.error(
                f"{option} goes with {', '.join(flags)}, not with {chosen[0].flags[0]} {chosen[0].takes}".strip()
            )
    return chosen[0]


def _check_installation() -> None:
    """Warn about a foreign `opencue` before anything of it is used that may not fit together."""
    import opencue
    from opencue.installation import warn_if_replaced

    warn_if_replaced(opencue)


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace, command: Command) -> int:
    # Loaded only now, so that help and usage errors come at once.
    from cue_cli.cueadmin.session import Canceled, CommandError, Session, UsageError, said
    from cue_cli.cueadmin.where import call_arguments
    from opencue.cuebot import Cuebot, how_to_reach_a_server
    from opencue.exception import ConnectionException, CueException, ServerNotNamedException

    session = Session(options)
    values = getattr(options, command.name)
    values = values if isinstance(values, list) else []
    least, most = command.bounds
    if options.where is None and not least <= len(values) <= most:
        parser.error(f"{command.flags[0]} takes {command.takes}")
    try:
        if options.server:
            Cuebot.setHosts(options.server)
        elif options.facility:
            Cuebot.setHostWithFacility(options.facility)
        calls = [values] if options.where is None else call_arguments(session, command, values)
        for arguments in calls:
            command.load()(session, arguments)
        sys.stdout.flush()
    except Canceled:
        return 0
    except (UsageError, ServerNotNamedException) as error:
        parser.error(str(error))
    except ConnectionException as error:
        hint = " With cueadmin: -server HOST[:PORT]." if how_to_reach_a_server() in str(error) else ""
        return _failed(options, f"{error}{hint}")
    except (CueException, CommandError) as error:
        return _failed(options, said(error))
    return session.status


def _failed(options: argparse.Namespace, message: str) -> int:
    if options.verbose:
        traceback.print_exc()
    print(f"Error: {message}" if message.endswith("?") else f"Error: {message.rstrip('.')}.", file=sys.stderr)
    return 1
