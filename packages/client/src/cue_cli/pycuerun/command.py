"""The command `pycuerun`."""

from __future__ import annotations

import os
import sys
from typing import Any, List, Sequence

from cue_cli.pycuerun.base import AbstractCuerun
from cue_cli.standard_output import as_it_is
from outline.backend.local import LocalJob
from outline.cuerun import CuerunOptionParser
from outline.loader import load_json, load_outline
from outline.modules.shell import ShellCommand

_OLD_SPELLINGS = {"-retry": "-m", "-jobid": "-j"}


class PyCuerun(AbstractCuerun):
    """Launches an outline script, shows one, or executes one of its frames."""

    usage = "%prog [options] OUTLINE [FRAME RANGE]"
    descr = (
        "Launch an outline: a Python script that makes layers (.outline), a stored outline (.yaml) or a JSON "
        "description (.json). Without a server, try it with --backend local."
    )
    epilog = "Example: pycuerun examples/turntable.outline 1-24 --backend local"

    def add_my_options(self) -> None:
        """Add the options that only this command has."""
        add = self.get_parser().add_option
        add("-e", "--execute", metavar="FRAME-LAYER", help="execute one frame of the outline here, such as 12-render")
        add("-i", "--inspect", action="store_true", help="show the layers of the outline and their arguments")
        add("--qc", action="store_true", help="add a layer that pauses the job for an artist to look at the result")
        add("-v", "--version", metavar="VERSION", default=os.environ.get("OL_VERSION"),
            help="accepted for old scripts; only 'latest' is there")  # fmt: skip
        add("-r", "--repos", metavar="FOLDER", help="accepted for old scripts; there are no repositories of versions")

    def handle_my_options(self, parser: CuerunOptionParser, options: Any, args: List[str]) -> int:
        """Execute, show or launch."""
        if not args:
            parser.print_help(sys.stderr)
            sys.stderr.write("\npycuerun: name an outline\n")
            return 1
        if len(args) > 2:
            parser.error(f"after the outline comes one frame range, not {' '.join(args[1:])}")
        if options.version not in (None, "", "latest"):
            parser.error(f"--version {options.version}: there are no other versions of outline to choose from")
        if options.repos:
            parser.error(f"--repos {options.repos}: repositories of versions are not supported")
        if options.execute:
            from outline.run import execute, exit_like

            as_it_is()
            exit_like(execute(args[0], options.execute))
        outline = _load(args[0])
        if options.user:
            outline.set_user(options.user)
        if options.inspect:
            _inspect(outline)
            return 0
        if options.qc:
            _add_qc_layer(outline)
        return self.__launch(outline, waited=bool(options.wait or options.test))

    def __launch(self, outline: Any, waited: bool) -> int:
        jobs = self.launch_outline(outline)
        if not jobs:
            print("No jobs were submitted, check the outline file.")
        elif waited:
            pass  # the wait has told it all
        elif not isinstance(jobs[0], LocalJob):  # a local job is over, and has said how it went
            print("Submitted the following jobs...")
            for job in jobs:
                print(f"    {job.name()}")
        return 0


def _load(path: str) -> Any:
    if os.path.splitext(path)[1] == ".json" and os.path.isfile(path):
        with open(path, encoding="utf-8") as stream:
            return load_json(stream.read())
    return load_outline(path)


def _inspect(outline: Any) -> None:
    print(outline.get_full_name())
    for layer in outline.get_layers():
        print(f" + {layer.get_name()}")
        for key, value in sorted(layer.get_args().items()):
            print(f"   - {key} = {value}")


def _add_qc_layer(outline: Any) -> None:
    from cue_cli.pycuerun import qc

    require = [f"{layer.get_name()}:all" for layer in outline.get_layers()]
    command = [sys.executable, os.path.abspath(qc.__file__)]
    outline.add_layer(
        ShellCommand("wait_on_artist_to_qc", command=command, threads=0.1, memory="256m", require=require)
    )


def _modern(argv: Sequence[str]) -> List[str]:
    return [_OLD_SPELLINGS.get(word, word) for word in argv]


def run(words: Sequence[str]) -> int:
    """Run the command on the words of a line, and return its exit status."""
    arguments = _modern(words)
    try:
        return PyCuerun().go(arguments)
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"pycuerun: {str(interrupt) or 'interrupted'}\n")
        return 130
    except Exception as error:
        opencue = sys.modules.get("opencue")  # imported only by what speaks to a farm
        if opencue is None or not isinstance(error, opencue.CueException) or {"-D", "--debug"} & set(arguments):
            raise
        sys.stderr.write(f"pycuerun: {error}\n")  # the farm's refusal says what to do; where it was asked helps nobody
        return 1
