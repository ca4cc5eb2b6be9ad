"""-completion: a script that has a shell complete the flags of cueadmin, and the names behind them."""

from __future__ import annotations

import re
from typing import Iterator

from cue_cli.cueadmin.commands import COMMANDS, Command
from cue_cli.cueadmin.parser import getParser
from cue_cli.cueadmin.session import Session, UsageError

NAMES = {
    "JOB": "cueadmin -lj 2>/dev/null | awk '{print $1}'",
    "HOST": "cueadmin -lh 2>/dev/null | awk 'NR > 1 {print $1}'",
    "SHOW": "cueadmin -ls 2>/dev/null | awk 'NR > 1 {print $1}'",
    "ALLOC": "cueadmin -la 2>/dev/null | awk 'NR > 1 {print $1}'",
}
"""What lists the names that stand behind a flag, by what the flag calls its first argument."""

_BASH = """\
_cueadmin_names() {{
    case "$1" in
{names}
    esac
}}
_cueadmin() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" flag="" place
    for ((place = COMP_CWORD - 1; place > 0; place--)); do
        if [[ "${{COMP_WORDS[place]}}" == -* ]]; then flag="${{COMP_WORDS[place]}}"; break; fi
    done
    if [[ "$current" == -* ]]; then
        COMPREPLY=($(compgen -W "{flags}" -- "$current"))
        return
    fi
    case "$flag" in
{kinds}
        *) COMPREPLY=($(compgen -f -- "$current")) ;;
    esac
}}
complete -F _cueadmin cueadmin"""


def print_script(session: Session, values: list[str]) -> None:
    """Print the completion of a shell: bash, zsh or fish."""
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    if values[0] not in scripts:
        raise UsageError(f"{values[0]!r} is no shell that is known; use one of {', '.join(scripts)}")
    print(scripts[values[0]]())


def _kind(command: Command) -> str:
    """What the first argument of a command names, where that can be listed."""
    first = re.match(r"\[?([A-Z]+)", command.takes)
    kind = {"PART": {"-lh": "HOST"}.get(command.flags[0], "JOB"), "OLD": "ALLOC"}
    name = first[1] if first else ""
    name = kind.get(name, name)
    return name if name in NAMES else ""


def _flags() -> Iterator[tuple[tuple[str, ...], str, str]]:
    """The flags that are offered, what each says of itself, and what its first argument names."""
    kinds = {command.name: _kind(command) for command in COMMANDS} | {
        "job": "JOB",
        "host": "HOST",
        "alloc": "ALLOC",
    }
    for action in getParser()._actions:
        if action.help and "==SUPPRESS==" not in action.help:
            yield tuple(action.option_strings), action.help.replace("%%", "%"), kinds.get(action.dest, "")


def _bash() -> str:
    by_kind: dict[str, list[str]] = {}
    every: list[str] = []
    for flags, _, kind in _flags():
        every += flags
        if kind:
            by_kind.setdefault(kind, []).extend(flags)
    names = "\n".join(f"        {kind}) {command} ;;" for kind, command in NAMES.items())
    kinds = "\n".join(
        f'        {"|".join(flags)}) COMPREPLY=($(compgen -W "$(_cueadmin_names {kind})" -- "$current")) ;;'
        for kind, flags in by_kind.items()
    )
    return _BASH.format(names=names, flags=" ".join(every), kinds=kinds)


def _zsh() -> str:
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash()}"


def _fish() -> str:
    lines = []
    for flags, text, kind in _flags():
        options = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-o {flag[1:]}" for flag in flags)
        quoted = text.replace("\\", "\\\\").replace("'", "\\'")
        names = f' -x -a "({NAMES[kind]})"'.replace("$", "\\$") if kind else ""
        lines.append(f"complete -c cueadmin {options} -d '{quoted}'{names}")
    return "\n".join(lines)
