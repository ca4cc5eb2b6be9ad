"""What `rqd` can be told on its command line."""

from __future__ import annotations

import argparse
import ipaddress
import os
import shlex
import socket
import struct
from dataclasses import dataclass
from typing import Optional

from rqd import __version__, log, machine
from rqd.secrets import SECRET_NAMES
from rqd.supervisor.book import PAGE_BYTES, Page

ROOT_VARIABLE = "RQD_RUN_AS_ROOT"
DEFAULT_SERVER = "127.0.0.1:8443"  # not localhost, which may be another address too, where anybody may listen
DEFAULT_PORT = 8444
DEFAULT_LEASE_SECONDS = 300.0
LOG_MB_MAX = 1024
CONTACT_POLICIES = ("suspend", "continue", "kill")


@dataclass(frozen=True)
class Options:
    """The command line, checked, with every path absolute. `arguments` are the words it was made from."""

    arguments: tuple[str, ...]
    spool: str
    name: str
    facility: str
    servers: tuple[str, ...]
    server_file: Optional[str]
    token_file: Optional[str]
    bind: str
    port: int
    tags: tuple[str, ...]
    cores: Optional[int]
    memory_gb: Optional[float]
    temp: str
    lease_seconds: float
    on_lost_contact: str
    orphan_exit_after_seconds: Optional[float]
    become_job_user: bool
    run_as_root: bool
    secret_names: tuple[str, ...]
    report_seconds: float
    kill_grace_seconds: float
    log_max_mb: int
    memory_low_mb: Optional[int]
    log_level: str
    reboot_command: tuple[str, ...] = ()
    """What reboots this machine; empty where this agent is not to do it."""
    only_recover: bool = False
    """End and report what an earlier agent left in the spool, take no work, and end."""


def parse(arguments: list[str]) -> Options:
    """Read the command line; ends the process with status 2 and a usage line where it makes no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.server and given.server_file:
        parser.error("give --server or --server-file, not both")
    servers = _words(given.server or os.environ.get("CUEBOT_HOSTS", "") or DEFAULT_SERVER)
    for address in servers:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            parser.error(f"--server: {address!r} is not HOST:PORT")
    wrong = _wrong_about_rights(given)
    if wrong is not None:
        parser.error(wrong)
    spool = os.path.expanduser(given.spool)
    if spool.startswith("~"):
        parser.error(f"--spool: {given.spool} names no home folder here; give the folder itself, or set HOME")
    return Options(
        arguments=tuple(arguments),
        spool=os.path.abspath(spool),
        name=given.name,
        facility=given.facility,
        servers=servers,
        server_file=_absolute(given.server_file),
        token_file=_absolute(given.token_file),
        bind=given.bind,
        port=given.port,
        tags=tuple(tag for words in given.tag for tag in _words(words)),
        cores=given.cores,
        memory_gb=given.memory_gb,
        temp=os.path.abspath(given.temp),
        lease_seconds=given.lease_seconds,
        on_lost_contact=given.on_lost_contact,
        orphan_exit_after_seconds=given.orphan_exit_after,
        become_job_user=given.become_job_user,
        run_as_root=given.run_as_root,
        secret_names=_secret_names(given),
        report_seconds=given.report_seconds,
        kill_grace_seconds=given.kill_grace_seconds,
        log_max_mb=given.log_max_mb,
        memory_low_mb=given.memory_low_mb,
        log_level=given.log_level,
        reboot_command=tuple(given.reboot_command),
        only_recover=given.only_recover,
    )


def _wrong_about_rights(given: argparse.Namespace) -> Optional[str]:
    """What would let strangers run commands here, or frames be root, without anybody having said so."""
    is_root = os.name == "posix" and os.geteuid() == 0
    if given.token_file and given.no_token:
        return "give --token-file or --no-token, not both"
    if not given.token_file and not given.no_token:
        return (
            "whoever may call this agent may run commands as its user, so it wants the installation's token:"
            " --token-file FILE, a copy of the server's (`cuefarm token` makes one);"
            " --no-token does without, on loopback"
        )
    if given.no_token and not _is_loopback(given.bind):
        return f"--no-token is for loopback only, and --bind is {given.bind}; give --token-file FILE"
    if given.no_token and is_root:
        return "an agent that runs as root needs a token: any user of this machine would be root by it"
    if given.become_job_user and not is_root:
        return "--become-job-user needs an agent that runs as root"
    return None


def root_unsaid(options: Options) -> bool:
    """Whether frames would be root although nobody has said so."""
    is_root = os.name == "posix" and os.geteuid() == 0
    said = options.become_job_user or options.run_as_root or os.environ.get(ROOT_VARIABLE) == "1"
    return is_root and not said


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def default_spool() -> str:
    """Where an agent keeps its spool when it is not told: a system folder for root, the user's state folder else.

    Several machines may share the latter, so each has a folder of its own in it; earlier versions had one for all.
    """
    if os.name == "posix" and os.geteuid() == 0:
        return "/var/lib/cuefarm/rqd"
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    own = os.path.join(state, "cuefarm", machine.machine_name(), "rqd")
    former = os.path.join(state, "cuefarm", "rqd")
    is_former = not os.path.exists(own) and (machine.was_used_here(former) or _has_our_name(former))
    return former if is_former else own


def _has_our_name(spool: str) -> bool:
    """Whether an agent had it that was called as this machine is, as they are where nobody says otherwise."""
    try:
        with open(os.path.join(spool, "book"), "rb") as file:
            return bool(Page(file.read(PAGE_BYTES), 0)["host_name"] == socket.gethostname())  # type: ignore[arg-type]
    except (OSError, struct.error):
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rqd",
        description="Run frames of a render farm on this machine, and report to its server.",
        epilog="`rqd stop` or Ctrl-C ends it and its frames, which go back to waiting; a second Ctrl-C hurries. SIGTERM"
        " ends the agent alone: frames go on, and the next agent on the spool takes them over. `rqd restart` starts it"
        " anew in place.",
    )
    add = parser.add_argument
    server = parser.add_argument_group("the server")
    server.add_argument(
        "--server",
        metavar="HOST:PORT[,HOST:PORT]",
        help=f"where the server answers (default: $CUEBOT_HOSTS, else {DEFAULT_SERVER})",
    )
    server.add_argument(
        "--server-file",
        metavar="FILE",
        help='a JSON file whose key "grpc" is the server\'s HOST:PORT, read again whenever contact is lost',
    )
    server.add_argument("--token-file", metavar="FILE", help="the installation's token, which its callers need too")
    server.add_argument(
        "--no-token", action="store_true", help="let any user of this machine give orders; on loopback, not as root"
    )
    server.add_argument("--report-seconds", metavar="S", type=positive, default=10.0, help="seconds between reports")
    server.add_argument(
        "--lease-seconds",
        metavar="S",
        type=positive,
        default=DEFAULT_LEASE_SECONDS,
        help="how long frames run without an answer from a server (default: %(default)g)",
    )
    server.add_argument(
        "--on-lost-contact",
        choices=CONTACT_POLICIES,
        default="suspend",
        help="what happens to frames when that time has passed (default: %(default)s)",
    )
    server.add_argument(
        "--orphan-exit-after",
        metavar="S",
        type=positive,
        help="end the agent when it was idle and without any contact for so many seconds (default: never)",
    )
    host = parser.add_argument_group("this host")
    host.add_argument("--name", default=socket.gethostname(), help="what the farm calls it (default: %(default)s)")
    host.add_argument("--facility", default="local", help="where it stands (default: %(default)s)")
    host.add_argument("--tag", metavar="TAG", action="append", default=[], help="a tag of this host; may be repeated")
    host.add_argument("--cores", metavar="N", type=_count, help="cores to offer instead of all that there are")
    host.add_argument("--memory-gb", metavar="GIB", type=positive, help="memory to offer instead of all")
    host.add_argument(
        "--memory-low-mb",
        metavar="MB",
        type=_count_or_none,
        help="with less free memory than this, the run that is furthest over its reservation is ended; 0: never"
        " (default: 2 %% of all, 1024 at most)",
    )
    host.add_argument(
        "--reboot-command",
        metavar="COMMAND",
        type=_command,
        default=(),
        help="what reboots this machine when the farm says so, such as 'systemctl reboot'; without it, nothing does",
    )
    host.add_argument(
        "--bind", metavar="ADDRESS", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    host.add_argument(
        "--port",
        metavar="N",
        type=_port,
        default=DEFAULT_PORT,
        help="port to listen on, 0 for a free one (%(default)s)",
    )
    frames = parser.add_argument_group("frames")
    frames.add_argument(
        "--spool",
        metavar="DIR",
        default=default_spool(),
        help="folder for the agent's own books; one agent a folder (default: %(default)s)",
    )
    frames.add_argument(
        "--only-recover",
        action="store_true",
        help="end and report what an agent that died left in the spool, take no work, and end once that is delivered",
    )
    frames.add_argument(
        "--temp",
        metavar="DIR",
        default=os.environ.get("TMPDIR") or "/tmp",
        help="the disk that is reported, and working folder of frames whose own is not here (default: %(default)s)",
    )
    frames.add_argument(
        "--become-job-user", action="store_true", help="run frames as the user of their job (the agent must be root)"
    )
    frames.add_argument(
        "--run-as-root",
        action="store_true",
        help="an agent that is root runs frames as root; without this or --become-job-user it does not start",
    )
    frames.add_argument(
        "--secret",
        metavar="NAME",
        action="append",
        default=[],
        help="a variable, or a pattern of names (*LICENCE*), whose value a frame's log does not show, beside"
        f" {', '.join(SECRET_NAMES)}; may be repeated",
    )
    frames.add_argument("--log-secrets", action="store_true", help="show the values of all variables in frames' logs")
    frames.add_argument(
        "--kill-grace-seconds",
        metavar="S",
        type=positive,
        default=5.0,
        help="seconds between SIGTERM and SIGKILL (default: %(default)g)",
    )
    frames.add_argument(
        "--log-max-mb",
        metavar="MB",
        type=_count_or_none,
        default=LOG_MB_MAX,
        help="a frame whose log grows beyond this is ended, and the rest is cut off; 0: never (default: %(default)s)",
    )
    add("--kept-by", metavar="WORDS", help="who starts this agent again whenever it ends, for `rqd stop` to say")
    add(
        "--log-level", choices=tuple(log.LEVELS), default="info", help="how much to say on standard error (%(default)s)"
    )
    add("--version", action="version", version=f"rqd {__version__}")
    return parser


def _secret_names(given: argparse.Namespace) -> tuple[str, ...]:
    if given.log_secrets:
        return ()
    return SECRET_NAMES + tuple(name.upper() for words in given.secret for name in _words(words))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _absolute(path: Optional[str]) -> Optional[str]:
    return os.path.abspath(os.path.expanduser(path)) if path else None


def positive(text: str) -> float:
    """A number above zero, of a command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _command(text: str) -> tuple[str, ...]:
    """A command in words, as a shell splits them. No shell runs it."""
    words = tuple(shlex.split(text))
    if not words:
        raise argparse.ArgumentTypeError("an empty command reboots nothing")
    return words


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def _count_or_none(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port number")
    return value
