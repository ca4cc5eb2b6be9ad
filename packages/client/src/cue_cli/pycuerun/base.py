"""What commands that launch outlines have in common; a studio's own ones can build on it."""

from __future__ import annotations

import sys
import traceback
from typing import Any, Callable, Dict, List, Optional, Sequence

from cue_cli.farm_warnings import showPlainly
from outline import event
from outline.cuerun import CuerunOptionParser, OutlineLauncher
from outline.exception import JobFailedException, JobKilledException, OutlineException
from outline.plugins import PluginManager

ENDINGS = (JobFailedException, JobKilledException)
"""How a job that was waited for may end besides well; each has an exit status of its own."""


class AbstractCuerun:
    """A command that builds an outline and launches it.

    Subclasses set `usage`, `descr` and `epilog`, add their options in `add_my_options`, and launch in
    `handle_my_options`.
    """

    usage = "%prog [options]"
    descr = ""
    epilog = ""

    def __init__(self) -> None:
        self.__events = event.EventHandler(self)
        self.__parser = CuerunOptionParser(usage=self.usage, description=self.descr, epilog=self.epilog)
        self.__flags: Dict[str, Any] = {}
        self.debug = False
        self.add_my_options()
        PluginManager.init_cuerun_plugins(self)

    def add_my_options(self) -> None:
        """Hook: add options to `get_parser()`."""

    def handle_my_options(self, parser: CuerunOptionParser, options: Any, args: List[str]) -> Optional[int]:
        """Hook: do what the options say; launch with `launch_outline`. Returns the exit status; None is 0."""
        raise NotImplementedError

    def get_parser(self) -> CuerunOptionParser:
        """Return the parser of the command line."""
        return self.__parser

    def options_to_dict(self, options: Any) -> Dict[str, Any]:
        """Return the standard options as flags of a launch."""
        return self.__parser.options_to_args(options)

    def add_event_listener(self, event_type: str, callback: Callable[[Any], object]) -> None:
        """Call `callback(event)` before or after each launch."""
        self.__events.add_event_listener(event_type, callback)

    def go(self, argv: Optional[Sequence[str]] = None) -> int:
        """Read the command line and do what it says; return the exit status."""
        options, args = self.__parser.parse_args(list(argv) if argv is not None else None)
        self.debug = bool(options.debug)
        showPlainly()
        try:
            self.__parser.handle_standard_options(options, args)
            self.__flags = self.options_to_dict(options)
            return self.handle_my_options(self.__parser, options, args) or 0
        except OutlineException as error:
            self.report(error)
            return error.exit_status if isinstance(error, ENDINGS) else 1

    def report(self, error: BaseException) -> None:
        """Print an error: what happened, and with `--debug`, or if something else caused it, where."""
        if self.debug or error.__cause__ is not None:
            traceback.print_exception(type(error), error, error.__traceback__)
        sys.stderr.write(f"{error}\n" if isinstance(error, ENDINGS) else f"outline failure: {error}\n")

    def launch_outline(self, outline: Any, **override: Any) -> Any:
        """Launch an outline with the options of the command line, and return its jobs."""
        launcher = OutlineLauncher(outline, **{**self.__flags, "progress": _print_progress, **override})
        self.__events.emit(event.LaunchEvent(event.BEFORE_LAUNCH, self, outline=outline))
        jobs = launcher.launch()
        for job in jobs or [None]:
            self.__events.emit(event.LaunchEvent(event.AFTER_LAUNCH, self, outline=outline, job=job))
        return jobs


def _print_progress(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
