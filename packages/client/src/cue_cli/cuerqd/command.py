"""The command `cuerqd`, from its line to an exit status."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from typing import Any, List, NamedTuple, Optional, Sequence

from cue_cli.at_farm import at_farm, version_line
from cue_cli.standard_output import run_command
from cue_cli.suggestions import SuggestingParser

UNITS_MAX = 1_000_000


class Ending(NamedTuple):
    """What ends an agent or its machine: the question, the call and what is said of it."""

    question: str
    method: str
    done: str


ENDINGS = {
    "exit_now": Ending("End everything that runs at {host}, and the agent", "shutdownRqdNow", "the agent ends"),
    "exit": Ending(
        "Lock {host}, and end the agent after its last frame", "shutdownRqdIdle", "the agent ends after its last frame"
    ),
    "restart": Ending(
        "Lock {host}, and restart the agent after its last frame",
        "restartRqdIdle",
        "the agent restarts after its last frame",
    ),
    "reboot_now": Ending("End everything that runs at {host}, and reboot it", "rebootNow", "the machine reboots"),
    "reboot": Ending(
        "Lock {host}, and reboot it after its last frame", "rebootIdle", "the machine reboots after its last frame"
    ),
}
"""Of several that are given the first here is meant."""
ACTIONS = ("s", "v", "nimbyoff", "nimbyon", "lp", "ulp", "lh", "ulh", *ENDINGS, "kill", "getproxy", "test_frame")


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Do what is asked and return the exit status: 0 done, 1 not, 2 the line makes no sense."""
    return run_command("cuerqd", lambda: _main(list(sys.argv[1:] if argv is None else argv)))


def get_parser() -> SuggestingParser:
    """Return the parser of every option."""
    parser = SuggestingParser(
        prog="cuerqd",
        usage="cuerqd [HOST[:PORT]] [option...]",
        description="Talk straight to the agent of a host, without a server. Several options are done in the order of"
        " this list.",
        epilog="Cores are in core units: 100 are one core. The port is 8444 unless HOST or RQD_GRPC_PORT name another.",
    )
    parser.add_argument("host", nargs="?", default="localhost", metavar="HOST[:PORT]", help="(default: localhost)")
    look = parser.add_argument_group("Look")
    look.add_argument("-s", action="store_true", help="print what the agent reports: the host, its cores, what runs")
    look.add_argument("-v", action="store_true", help="print the version of the agent")
    look.add_argument("--json", action="store_true", help="with -s and --getproxy: as JSON")
    act = parser.add_argument_group("Act")
    act.add_argument("--nimbyoff", action="store_true", help="watch for nobody who uses the machine")
    act.add_argument("--nimbyon", action="store_true", help="watch for somebody who uses the machine")
    act.add_argument("--lp", nargs="+", type=_units, metavar="UNITS", help="offer that many core units less")
    act.add_argument("--ulp", nargs="+", type=_units, metavar="UNITS", help="offer that many locked core units again")
    act.add_argument("--lh", action="store_true", help="offer no cores any more; what runs goes on")
    act.add_argument("--ulh", action="store_true", help="offer all cores again")
    act.add_argument("--exit_now", action="store_true", help="end what runs, and the agent")
    act.add_argument("--exit", action="store_true", help="end the agent after its last frame")
    act.add_argument("--restart", action="store_true", help="restart the agent after its last frame")
    act.add_argument("--reboot_now", action="store_true", help="reboot the machine")
    act.add_argument("--reboot", action="store_true", help="reboot the machine after its last frame")
    act.add_argument("--kill", nargs="+", metavar="FRAMEID", help="end what runs under the ids of frames")
    act.add_argument("--getproxy", nargs="+", metavar="FRAMEID", help="print what runs under the ids of frames")
    act.add_argument(
        "--test_script_frame",
        "--test_edu_frame",
        "--test_script_frame_mac",
        dest="test_frame",
        action="store_true",
        help="run a frame of ten seconds that no server has booked",
    )
    general = parser.add_argument_group("General")
    general.add_argument("-force", "--force", action="store_true", help="do it without asking")
    general.add_argument("-verbose", "--verbose", action="store_true", help="debug log, and a traceback of errors")
    general.add_argument("--version", action="version", version=version_line("cuerqd"))
    return parser


def _main(words: List[str]) -> int:
    parser = get_parser()
    if not words:
        parser.print_help()
        return 0
    options = parser.parse_args(words)
    given = [name for name in ACTIONS if getattr(options, name) not in (None, False)]
    if not given:
        parser.error("nothing to do; name an option, such as -s (cuerqd -h lists them)")
    if options.lh and options.ulh:
        parser.error("--lh and --ulh undo one another; give one of them")
    return at_farm(options, lambda session: _run(session, options, given), connects=False)


def _run(session: Any, options: Any, given: List[str]) -> None:
    from cue_cli.cuerqd.agent import RqdHost

    agent = RqdHost(options.host)
    try:
        ended = False
        for name in given:
            if name in ENDINGS:
                if not ended:
                    _end(session, agent, ENDINGS[name])
                ended = True
            else:
                _do(session, agent, name, getattr(options, name))
    finally:
        agent.close()


def _do(session: Any, agent: Any, name: str, value: Any) -> None:
    """Do one thing that ends neither agent nor machine."""
    switches = {
        "nimbyoff": (agent.nimbyOff, "nobody is watched for"),
        "nimbyon": (agent.nimbyOn, "watches for somebody who uses the machine"),
        "lh": (agent.lockAll, "locked"),
        "ulh": (agent.unlockAll, "unlocked"),
    }
    if name in switches:
        act, done = switches[name]
        act()
        session.report(f"{agent.address}: {done}")
    elif name in ("lp", "ulp"):
        act, done = (agent.lock, "locked") if name == "lp" else (agent.unlock, "unlocked")
        for units in value:
            act(units)
            session.report(f"{agent.address}: {units} core units {done}")
    elif name == "s":
        _print(session, agent.status())
    elif name == "v":
        _version(session, agent)
    elif name == "getproxy":
        for frame_id in value:
            _print(session, agent.getRunningFrame(frame_id))
    elif name == "kill":
        _kill(session, agent, value)
    else:
        _test(session, agent)


def _end(session: Any, agent: Any, ending: Ending) -> None:
    running = len(agent.status().frames)
    frames = f"{running} frame{'' if running == 1 else 's'} run{'s' if running == 1 else ''} there now"
    session.confirm(f"{ending.question.format(host=agent.address)} ({frames})", named=True)
    getattr(agent, ending.method)()
    session.report(f"{agent.address}: {ending.done}")


def _kill(session: Any, agent: Any, frame_ids: List[str]) -> None:
    session.confirm(f"Kill what runs under {', '.join(frame_ids)} at {agent.address}", named=True)

    def act(frame_id: str) -> None:
        agent.killFrame(frame_id, f"Killed by {getpass.getuser()} using cuerqd")
        session.report(f"{frame_id}: killed")

    session.each(frame_ids, act)


def _version(session: Any, agent: Any) -> None:
    tags = agent.status().host.tags
    found = [tag.partition("-")[2] for tag in tags if tag.startswith("rqdv-")]
    print(f"version = {found[0] if found else 'not reported'}")


def _test(session: Any, agent: Any) -> None:
    from cue_cli.cuerqd.agent import frame_to_try

    frame = frame_to_try()
    agent.launchFrame(frame)
    log = os.path.join(frame.log_dir, f"{frame.job_name}.{frame.frame_name}.rqlog")
    session.report(f"{frame.frame_id}: runs for ten seconds; its log is {log}")


def _print(session: Any, message: Any) -> None:
    if session.options.json:
        from google.protobuf.json_format import MessageToJson

        print(MessageToJson(message, preserving_proto_field_name=True))
    else:
        print(message)


def _units(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= UNITS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of core units from 1 to {UNITS_MAX}")
    return int(text)
