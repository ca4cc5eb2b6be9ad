"""What commands beside cueadmin share: which farm they talk to, and how what goes wrong becomes words and a status."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from typing import Any, Callable

from cue_cli.cueadmin.output_styles import CUEFARM
from cue_cli.farm_warnings import showPlainly

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def add_farm_options(group: Any, *, takes_words: bool = False) -> None:
    """Add the options that say which farm is meant, and how to talk of it.

    A command that `takes_words` of its own has one server behind each flag: it could not tell more from those.
    """
    several: Any = {"action": "append"} if takes_words else {"nargs": "+"}
    group.add_argument("-server", "--server", metavar="HOST[:PORT]", help="the server to talk to", **several)
    group.add_argument(
        "-facility", "--facility", metavar="NAME", help="talk to the servers of a facility from the configuration"
    )
    group.add_argument(
        "-verbose", "-v", "--verbose", action="store_true", help="debug log on stderr, and a traceback of errors"
    )


def version_line(prog: str) -> str:
    """Return what `--version` prints."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{prog} {version('cuefarm-client')}"
    except PackageNotFoundError:  # run from its sources
        return f"{prog} (not installed)"


def at_farm(
    options: argparse.Namespace, act: Callable[[Any], None], *, connects: bool = True, usage_status: int = USAGE
) -> int:
    """Do something at the farm that the options name; return the exit status: 0 done, 1 not, 2 a wrong line.

    `act` is given the session, which asks, reports and knows the status. A job that was waited for and cannot go on is
    3, one that was killed 4. Without `connects` no server is looked for beforehand; `usage_status` is for values that
    make no sense.
    """
    from cue_cli.cueadmin.session import Canceled, CommandError, Session, UsageError, said
    from opencue.exception import CueException, ServerNotNamedException

    if options.verbose:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    showPlainly()
    session = Session(argparse.Namespace(**{**vars(options), "format": CUEFARM}))
    try:
        if connects:
            _connect(options)
        act(session)
        sys.stdout.flush()
    except Canceled:
        return 0
    except (UsageError, ServerNotNamedException) as error:
        return _failed(options, str(error), usage_status)
    except (CueException, CommandError) as error:
        return _failed(options, said(error), FAILED)
    except OSError as error:
        return _failed(options, str(error), FAILED)
    except KeyboardInterrupt as interrupt:
        if str(interrupt):  # a wait that was interrupted says what goes on
            print(interrupt, file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        outline = sys.modules.get("outline.exception")  # imported only by what submits
        if outline is None or not isinstance(error, outline.OutlineException):
            raise
        return _failed(options, str(error), getattr(error, "exit_status", FAILED))
    return session.status


def _connect(options: argparse.Namespace) -> None:
    """Connect to the server that is named; where none is, the first call finds one."""
    from opencue.cuebot import Cuebot

    if options.server:
        Cuebot.setHosts(options.server)
    elif options.facility:
        Cuebot.setHostWithFacility(options.facility)


def _failed(options: argparse.Namespace, message: str, status: int) -> int:
    if options.verbose:
        traceback.print_exc()
    print(f"Error: {message}" if message.endswith("?") else f"Error: {message.rstrip('.')}.", file=sys.stderr)
    return status
