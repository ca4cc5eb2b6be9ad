"""The options that every command for launching outlines has."""

from __future__ import annotations

import difflib
import logging
import optparse
import os
import re
from typing import Any, Dict, List, NoReturn, Optional

from FileSequence import FrameSet

_FLAGS = (
    "autoeat",
    "backend",
    "basename",
    "debug",
    "dev",
    "devuser",
    "env",
    "facility",
    "maxretries",
    "nomail",
    "os",
    "pause",
    "priority",
    "range",
    "range_default",
    "server",
    "shot",
    "test",
    "user",
    "wait",
)


class CuerunOptionParser(optparse.OptionParser):
    """Reads the standard options of commands that launch outlines; options may follow positional arguments.

    A word that begins with a dash and a digit is no option but a range of frames: `-5-5`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__plugin_group: Optional[optparse.OptionGroup] = None
        self.__add_run_options()
        self.__add_job_options()

    def __add_run_options(self) -> None:
        group = optparse.OptionGroup(self, "Where and how to launch")
        add = group.add_option
        add("-b", "--backend", metavar="NAME", help="cue (the farm) or local (this machine)")
        add("-s", "--server", metavar="HOST[:PORT]", help="the server to launch on")
        add("-F", "--facility", metavar="NAME", help="the facility to render in [$RENDER_TO, $FACILITY]")
        add("-p", "--pause", action="store_true", help="launch the job paused")
        add(
            "-w",
            "--wait",
            action="store_true",
            help="wait until the job is over or nothing can go on; 3: failed, 4: killed",
        )
        add("-t", "--test", action="store_true", help="wait; exit with 1 as soon as a frame fails; kill the job after")
        add("-V", "--verbose", action="store_true", help="say what is being done")
        add("-D", "--debug", action="store_true", help="say everything that is being done, here and in frames")
        add("--dev", action="store_true", help="tell frames by OL_DEV=1 that this is a developer's launch")
        add("--dev-user", metavar="USER", dest="devuser", help="tell frames by OL_DEV_USER whose launch it is")
        self.add_option_group(group)

    def __add_job_options(self) -> None:
        group = optparse.OptionGroup(self, "The job")
        add = group.add_option
        add("-f", "--range", metavar="RANGE", help="the frame range, if it is not the last argument [$FR]")
        add("--range-default", action="store_true", help="only for a script with a layer that has no range of its own")
        add("--shot", metavar="SHOT", help="instead of the script's shot or $SHOT")
        add("-u", "--user", metavar="USER", help="instead of the script's or the current user")
        add("--base-name", "-j", "--jobid", metavar="NAME", dest="basename", help="instead of the script's name")
        add("--priority", type="int", metavar="N", help="higher runs first [the script's, or 1]")
        add("--max-retries", "-m", "--maxretries", type="int", metavar="N", dest="maxretries",
            help="how often a failed frame is run again [the configuration's, or 2]")  # fmt: skip
        add("--autoeat", action="store_true", help="give failed frames up; what depends on them goes on waiting")
        add("--no-mail", action="store_true", dest="nomail", help="send no mail when the job is finished")
        add("-o", "--os", metavar="OS", default=os.environ.get("OL_OS"), help="the system of the hosts [$OL_OS]")
        add("--env", action="append", metavar="NAME=VALUE", help="set a variable in all frames; may be repeated")
        self.add_option_group(group)

    def _process_short_opts(self, rargs: List[str], values: Any) -> None:
        if re.match(r"-\d", rargs[0]):
            assert self.largs is not None, "the parser made it before"
            self.largs.append(rargs.pop(0))
        else:
            super()._process_short_opts(rargs, values)

    def error(self, msg: str) -> NoReturn:
        """End with status 2; an option that there is none of is answered with the one that it is like."""
        unknown = re.fullmatch(r"no such option: (-\S+)", msg)
        if unknown:
            options = [name for name in [*self._long_opt, *self._every_option()] if name.startswith("--")]
            like = difflib.get_close_matches(f"--{unknown[1].lstrip('-')}", options, 1)
            msg += f"; did you mean {like[0]}?" if like else ""
        super().error(msg)

    def _every_option(self) -> List[str]:
        return [name for group in self.option_groups for option in group.option_list for name in option._long_opts]

    def add_plugin_option(self, *args: Any, **kwargs: Any) -> None:
        """Add an option of a plugin."""
        if self.__plugin_group is None:
            self.__plugin_group = self.add_option_group(optparse.OptionGroup(self, "Plugins"))
        self.__plugin_group.add_option(*args, **kwargs)

    def handle_standard_options(self, options: Any, args: List[str]) -> None:
        """Set up logging, check the values, and take the frame range from the second argument."""
        level = logging.DEBUG if options.debug else logging.INFO if options.verbose else logging.WARNING
        logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
        if options.priority is not None and options.priority < 0:
            self.error("--priority has to be 0 or more")
        if options.maxretries is not None and options.maxretries < 0:
            self.error("--max-retries has to be 0 or more")
        for assignment in options.env or []:
            if not re.match(r"[^=]+=", assignment):
                self.error(f"--env {assignment}: write NAME=VALUE")
        try:
            self.setup_frame_range(options, args[1] if len(args) > 1 else None)
        except ValueError as error:
            self.error(str(error))

    @staticmethod
    def setup_frame_range(options: Any, frange: Optional[str] = None) -> None:
        """Settle the range: the one given, or that of `--range`, or that of `$FR`.

        Raises:
            ValueError: it is no range.
        """
        options.range = frange or options.range or os.environ.get("FR") or None
        if options.range:
            FrameSet(options.range)

    @staticmethod
    def options_to_args(options: Any) -> Dict[str, Any]:
        """Return the options as flags of `OutlineLauncher`; those that were not given are None."""
        return {flag: getattr(options, flag, None) for flag in _FLAGS}
