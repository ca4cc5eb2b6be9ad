"""The command `cuefarm`. Everything heavy is imported by the subcommand that needs it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cue_cli.standard_output import run_command
from cuebot import __version__
from cuebot.app import log_levels
from cuebot.app.options import DOORS
from cuebot.domain.units import SECOND

if TYPE_CHECKING:
    from cuebot.app.config import Config, ConfigWrong

DEFAULT_DATA = Path(os.environ.get("CUEFARM_DATA", "cuefarm-data"))


def main(arguments: list[str] | None = None) -> int:
    """Run `cuefarm`. Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    name = " ".join(["cuefarm", *(word for word in words[:1] if not word.startswith("-"))])
    return int(run_command(name, lambda: _main(words)))


def _main(arguments: list[str]) -> int:
    if arguments[:1] == ["sim"]:  # has a parser of its own
        return _sim(arguments[1:])
    if arguments[:1] == ["submit"]:  # likewise
        from cue_cli.submit import main as submit

        return int(submit(arguments[1:]))
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.command is None:
        _parser().print_help()
        return 0
    return int(_COMMANDS[options.command](options))


def _sim(arguments: list[str]) -> int:
    """Plan for the farm that the environment and the file describe: its bounds hold."""
    from cuebot.app.config import ConfigWrong, load
    from cuebot.sim import main as simulate

    try:
        bounds = load().bounds
    except ConfigWrong as error:
        return _say_wrong("sim", error)
    return simulate(arguments, bounds)


def _up(options: argparse.Namespace) -> int:
    from cuebot.app.up import up

    return _with_config(options, options.data, lambda config: up(config, options.data))


def _serve(options: argparse.Namespace) -> int:
    from cuebot.app.serve import serve

    return _with_config(options, None, serve)


def _with_config(options: argparse.Namespace, folder: Path | None, run: Callable[[Config], int]) -> int:
    """Run a server as its flags, the environment and the file say. Returns the exit status."""
    from cuebot.app.config import ConfigWrong, load, others_can_write
    from cuebot.app.logs import configure

    try:
        config = load(vars(options), given=options.config, folder=folder)
    except ConfigWrong as error:
        return _say_wrong(options.command, error)
    configure(log_levels.log_levels(config.server.log_level))
    if config.file is not None and others_can_write(config.file):
        warning = f"every user of this machine can change {config.file}, and open the farm; chmod o-w {config.file}"
        print(f"cuefarm {options.command}: warning: {warning}", file=sys.stderr)
    return run(config)


def _say_wrong(command: str, error: ConfigWrong) -> int:
    """Say everything that is wrong with the configuration. Returns the exit status."""
    from cuebot.app.exit_status import PERSON_MUST_MEND

    for problem in error.problems:
        print(f"cuefarm {command}: {problem}", file=sys.stderr)
    return PERSON_MUST_MEND


def _config(options: argparse.Namespace) -> int:
    from cuebot.app.config_command import run

    return run(vars(options), given=options.config, folder=options.data, check=options.check, as_json=options.json)


def _demo(options: argparse.Namespace) -> int:
    from cuebot.app.demo import DemoOptions, demo

    return demo(
        DemoOptions(
            data=options.data,
            frames=options.frames,
            size=options.size,
            keep_running=options.keep_running,
            break_frame=options.break_frame,
        )
    )


def _doctor(options: argparse.Namespace) -> int:
    from cuebot.app.doctor import doctor

    return doctor(options.data, grpc=options.grpc, as_json=options.json)


def _open(options: argparse.Namespace) -> int:
    from cuebot.app.open_page import run

    return run(options.server, token_file=options.token_file, only_print=options.print, as_json=options.json)


def _token(options: argparse.Namespace) -> int:
    from cuebot.app import token_file

    return token_file.run(options.file, show=options.show)


def _backup(options: argparse.Namespace) -> int:
    from cuebot.app.backup import run_backup

    return _with_database(options, run_backup)


def _restore(options: argparse.Namespace) -> int:
    from cuebot.app.backup import run_restore

    return _with_database(options, run_restore)


def _with_database(options: argparse.Namespace, run: Callable[..., int]) -> int:
    from cuebot.app.database_url import database_url
    from cuebot.app.exit_status import CannotStart

    db, password_file = options.db, options.db_password_file
    try:
        if db is None and password_file is not None:
            raise CannotStart("--db-password-file is the password of a database that --db names")
        database = None if db is None else database_url(options.command, db, password_file, by_flag=True)
    except CannotStart as error:
        print(f"cuefarm {options.command}: {error}", file=sys.stderr)
        return 1
    return run(options.file, data=options.data, database=database, force=options.force)


_COMMANDS = {
    "backup": _backup,
    "restore": _restore,
    "up": _up,
    "serve": _serve,
    "config": _config,
    "open": _open,
    "token": _token,
    "demo": _demo,
    "doctor": _doctor,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cuefarm",
        description="A render farm in one command.",
        epilog="`cuefarm demo` renders a movie; `cuefarm up` starts a farm and stays. Then: cueadmin, pycuerun.",
    )
    parser.add_argument("--version", action="version", version=f"cuefarm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    up = commands.add_parser("up", help="run a whole farm on this machine and stay", description=_up_text())
    _data(up)
    _config_file(up)
    _addresses(up)
    _agents(up)

    serve = commands.add_parser("serve", help="run the server alone, on any database")
    _config_file(serve)
    _place(serve)
    _addresses(serve)

    config = commands.add_parser(
        "config",
        help="show what a server would be started with, and where each value comes from",
        description="Prints all settings and limits as a cuefarm.toml, each with where it comes from: default, file,"
        " variable or flag. It takes the flags of `serve` and `up`, and reads the same file as they do.",
    )
    _data(config)
    _config_file(config)
    config.add_argument("--check", action="store_true", help="only say whether it can be used; status 78 where not")
    config.add_argument("--json", action="store_true", help="for programs")
    _place(config)
    _addresses(config)
    _agents(config)

    page = commands.add_parser(
        "open",
        help="open the farm's page in a browser, or print the link to it",
        description="Asks a running server for a link that works once, within five minutes, for this user on this"
        " machine, and opens it in the browser where there is a display. The browser is then known for twelve hours.",
    )
    page.add_argument(
        "--server",
        metavar="URL",
        help="its HTTP address, such as http://farm.example:8448 (default: of the farm that you run on this machine)",
    )
    page.add_argument(
        "--token-file", type=Path, metavar="FILE", help="a copy of the server's (default: CUEFARM_TOKEN_FILE, if set)"
    )
    page.add_argument("--print", action="store_true", help="print the link and open nothing")
    page.add_argument("--json", action="store_true", help="print the link for programs, and open nothing")

    token = commands.add_parser("token", help="make the token file that server and agents of several machines share")
    token.add_argument(
        "file", nargs="?", type=Path, default=Path("token"), metavar="FILE", help="file to make (default %(default)s)"
    )
    token.add_argument("--show", action="store_true", help="print the token of a file that is there")

    demo = commands.add_parser("demo", help="start a farm, render a real animation on it, print where the movie is")
    demo.add_argument(
        "--data", type=Path, default=Path("cuefarm-demo"), metavar="DIR", help="folder (default %(default)s)"
    )
    demo.add_argument("--frames", default="1-24", metavar="RANGE", help="frames to render (default %(default)s)")
    demo.add_argument("--size", type=_size, default=(320, 180), metavar="WxH", help="picture size (default 320x180)")
    demo.add_argument("--keep-running", action="store_true", help="leave the farm running afterwards, until Ctrl-C")
    demo.add_argument("--break-frame", type=int, metavar="N", help="let frame N fail, to see how failure looks")

    doctor = commands.add_parser("doctor", help="say what is wrong with this installation and how to mend it")
    _data(doctor)
    doctor.add_argument(
        "--grpc",
        metavar="HOST:PORT",
        help="the farm to look at (default: the one in the folder, else the one that clients would use)",
    )
    doctor.add_argument("--json", action="store_true", help="for programs")

    commands.add_parser("submit", help="run a command once for each frame (cuefarm submit --help)", add_help=False)
    backup = commands.add_parser("backup", help="copy a farm's database into a file, beside the running farm")
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy; its folder must exist")
    _database(backup)
    backup.add_argument("--force", action="store_true", help="replace FILE")

    restore = commands.add_parser("restore", help="put a copy in the place of a farm's database")
    restore.add_argument("file", type=Path, metavar="FILE", help="what `cuefarm backup` made")
    _database(restore)
    restore.add_argument("--force", action="store_true", help="replace the farm that is there (SQLite: it is kept)")

    commands.add_parser("sim", help="run simulated farms with faults (cuefarm sim --help)", add_help=False)
    parser.set_defaults(parser=parser)
    for command in commands.choices.values():
        command.set_defaults(parser=command)  # whose usage is shown for what it does not know
    return parser


def _up_text() -> str:
    return (
        "Runs server and agent with everything kept in one folder. SIGKILL of the server leaves agents and frames"
        " alone; the next `up` on the folder takes them over. Ctrl-C or SIGTERM ends all of it in order."
        " An agent that ends is started again; `cueadmin -lock HOST` keeps work off it."
    )


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help="the farm's folder (default %(default)s)",
    )


def _database(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    _database_options(parser, "the database of `cuefarm serve`, instead of a farm's folder")


def _database_options(parser: argparse.ArgumentParser, what: str, default: Any = None) -> None:
    parser.add_argument("--db", default=default, metavar="URL", help=what)
    parser.add_argument(
        "--db-password-file",
        type=Path,
        default=default,
        metavar="FILE",
        help="the database's password is in this file, whose owner alone may read it",
    )


# Flags of a server have no default: what was not given may stand in a variable or in the file (`app/config.py`).


def _config_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings and limits (default: CUEFARM_CONFIG, else cuefarm.toml in the farm's folder, else"
        " /etc/cuefarm/cuefarm.toml)",
    )


def _place(parser: argparse.ArgumentParser) -> None:
    """What `serve` is told of its farm."""
    what = "e.g. postgresql://USER@DBHOST/DATABASE or sqlite:///farm.sqlite"
    _database_options(parser, what, argparse.SUPPRESS)
    parser.add_argument(
        "--wait-for-database",
        type=_seconds,
        default=argparse.SUPPRESS,
        metavar="SECONDS",
        help="how long to wait for a database that is not up yet (default 60; 0: not at all)",
    )
    parser.add_argument(
        "--token-file", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the token that agents carry too"
    )
    parser.add_argument(
        "--log-root", type=Path, default=argparse.SUPPRESS, metavar="DIR", help="frame logs; every host must see it"
    )


def _agents(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--agents", type=_positive, default=argparse.SUPPRESS, metavar="N", help="agents to run here (default 1)"
    )
    parser.add_argument(
        "--no-agent",
        action="store_const",
        const=0,
        dest="agents",
        default=argparse.SUPPRESS,
        help="run the server alone; agents come from elsewhere",
    )


def _addresses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--grpc", default=argparse.SUPPRESS, metavar="HOST:PORT", help="gRPC address (default 127.0.0.1:8443)"
    )
    parser.add_argument(
        "--http", default=argparse.SUPPRESS, metavar="HOST:PORT", help="HTTP address (default 127.0.0.1:8448)"
    )
    parser.add_argument(
        "--http-name",
        action="append",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help="a name by which browsers call the HTTP address, such as farm.example; may be given several times",
    )
    parser.add_argument(
        "--group",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help="a group that may read the database, and with `up` the folder's logs too; the token stays its owner's"
        " (default: all is its owner's alone)",
    )
    parser.add_argument(
        "--log-level",
        default=argparse.SUPPRESS,
        metavar="LEVELS",
        help=f"{', '.join(log_levels.LEVELS)}; of one part: info,wire=debug; parts: {', '.join(log_levels.LOGS)}"
        " (default: info)",
    )
    parser.add_argument(
        "--open",
        action="append",
        default=argparse.SUPPRESS,
        choices=DOORS,
        help="let them in without the token, from wherever they can reach this server: clients, or agents of"
        " OpenCue's own; may be given twice; only on a network that you trust",
    )


def _seconds(text: str) -> int:
    """A number of seconds, in microseconds."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError("0 or more seconds")
    return round(number * SECOND)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
        raise argparse.ArgumentTypeError("WIDTHxHEIGHT, such as 640x360")
    return int(width), int(height)


if __name__ == "__main__":
    sys.exit(main())
