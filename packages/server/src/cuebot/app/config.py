"""`cuefarm.toml`: all that whoever runs the farm may choose. Flags beat the environment, and that beats the file.

The file has the sections `[server]`, `[settings]` and `[limits]`, with a key for every field of `ServerOptions`,
`Settings` and `Bounds`. In the environment each is `CUEFARM_` and its key in capitals.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from cuebot.app.config_values import DatabaseUrl, Duration, Kind, Text, Whole
from cuebot.app.exit_status import CannotStart
from cuebot.app.options import ServerOptions
from cuebot.domain.bounds import Bounds
from cuebot.domain.settings import Settings, contradictions

VARIABLE: Final = "CUEFARM_CONFIG"
"""Names the file."""
FILE_NAME: Final = "cuefarm.toml"
SYSTEM_FILE: Final = Path("/etc/cuefarm") / FILE_NAME
FILE_BYTES_MAX: Final = 1024 * 1024

SECTIONS: Final[dict[str, type]] = {"server": ServerOptions, "settings": Settings, "limits": Bounds}
_SAID_ELSEWHERE: Final = frozenset({("settings", "log_root")})
"""It is a key of `[server]`."""


class ConfigWrong(CannotStart):
    """What a file or a variable says is not understood, or cannot be; each problem says where, and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that can be chosen."""

    section: str
    name: str
    """As the file has it. Durations are without their unit, since they are written with one."""
    field_name: str
    kind: Kind
    default: Any

    @property
    def variable(self) -> str:
        """In the environment."""
        return f"CUEFARM_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """On the command line, for what stands in `[server]`."""
        return f"--{self.name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Value:
    """What is in force for a key, and where it comes from."""

    key: Key
    value: Any
    source: str
    """`default`, a flag, a variable, or a file and a line of it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was chosen."""

    server: ServerOptions = ServerOptions()
    settings: Settings = Settings()
    bounds: Bounds = Bounds()
    file: Path | None = None
    """The file that was read."""
    values: tuple[Value, ...] = field(default=(), repr=False)
    """Everything that can be chosen, in the order of the file."""

    def source(self, name: str) -> str:
        """Where the value of a key comes from."""
        return next(value.source for value in self.values if value.key.name == name)


def _key(section: str, one: Any) -> Key:
    """The key of a field."""
    if "kind" in one.metadata:
        kind = one.metadata["kind"]
    elif "least" not in one.metadata:
        kind = Text()
    elif one.name.endswith("_us"):
        kind = Duration(one.metadata["least"], one.metadata["most"])
    else:
        kind = Whole(one.metadata["least"], one.metadata["most"])
    return Key(section, one.name.removesuffix("_us"), one.name, kind, one.default)


KEYS: Final = tuple(
    _key(section, one)
    for section, holder in SECTIONS.items()
    for one in fields(holder)
    if (section, one.name) not in _SAID_ELSEWHERE
)
"""Everything that can be chosen. No two keys have one name, so that a variable needs no section."""


def load(
    flags: Mapping[str, Any] | None = None,
    *,
    given: Path | None = None,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """What is in force for these flags, by key. Raises ConfigWrong, with everything that is wrong.

    The file is the one that is `given`, else the one that the variable names, else `cuefarm.toml` in the farm's
    `folder`, else that of the system. One that was named must be there.
    """
    file = find_file(given, folder, environ)
    problems: list[str] = []
    found: dict[str, tuple[Any, str]] = {}
    if file is not None:
        found |= _in_file(file, problems)
    found |= dict(_in_environment(environ, problems))
    found |= {key.name: (_of_flag(flags[key.name]), key.flag) for key in KEYS if flags and key.name in flags}

    values = tuple(Value(key, *found.get(key.name, (key.default, "default"))) for key in KEYS)
    chosen: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for value in values:
        chosen[value.key.section][value.key.field_name] = value.value
    settings, bounds = Settings(**chosen["settings"]), Bounds(**chosen["limits"])
    problems += contradictions(settings, bounds)
    if problems:
        raise ConfigWrong(problems)
    return Config(ServerOptions(**chosen["server"]), settings, bounds, file, values)


def others_can_write(file: Path) -> bool:
    """Whether every user of this machine may change a file, and so open the farm to everybody."""
    return bool(file.stat().st_mode & stat.S_IWOTH)


def find_file(given: Path | None, folder: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file that counts, if there is one."""
    named = given or (Path(environ[VARIABLE]) if environ.get(VARIABLE) else None)
    if named is not None:
        return named
    candidates = [*([folder / FILE_NAME] if folder is not None else []), SYSTEM_FILE]
    return next((file for file in candidates if file.is_file()), None)


def _of_flag(given: Any) -> Any:
    """A flag that was given several times is a list."""
    return tuple(given) if isinstance(given, list) else given


# --- the file -----------------------------------------------------------------------------------------------------


def _in_file(file: Path, problems: list[str]) -> dict[str, tuple[Any, str]]:
    """What a file says, by key, each with its place."""
    try:
        text = _text_of(file)
        sections = tomllib.loads(text)
    except OSError as error:
        problems.append(f"{file} cannot be read: {error.strerror}; choose another with --config FILE")
        return {}
    except ValueError as error:
        problems.append(f"{file} is no TOML: {error}")
        return {}

    found: dict[str, tuple[Any, str]] = {}
    folder = file.absolute().parent
    for section, entries in sections.items():
        if section not in SECTIONS or not isinstance(entries, dict):
            problems.append(f"{_place(file, text, '', section)}: {_unknown_section(section)}")
            continue
        keys = {key.name: key for key in KEYS if key.section == section}
        for name, raw in entries.items():
            place = _place(file, text, section, name)
            if name not in keys:
                problems.append(f"{place}: [{section}] has no key {name!r}; {_remedy(section, name)}")
                continue
            try:
                found[name] = keys[name].kind.read(raw, folder), place
            except ValueError as error:
                problems.append(f"{place}: {_refusal(keys[name], raw, error)}")
    return found


def _text_of(file: Path) -> str:
    with file.open("rb") as opened:
        data = opened.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise ValueError(f"it has more than {FILE_BYTES_MAX} bytes")
    return data.decode("utf-8")


def _place(file: Path, text: str, section: str, name: str) -> str:
    """A file and the line of a key in it; without the line where the key is written in an uncommon way."""
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([\w-]+)\s*\]", line)
        if header is not None:
            current = header[1]
        if (header is not None and not section and current == name) or (
            current == section and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line)
        ):
            return f"{file}, line {number}"
    return str(file)


def _unknown_section(name: str) -> str:
    section = next((key.section for key in KEYS if key.name == name), None)
    if section is not None:
        return f"{name} stands in no section; write it below [{section}]"
    near = difflib.get_close_matches(name, SECTIONS, 1) or list(SECTIONS)
    return f"there is no section [{name}]; did you mean {' or '.join(f'[{one}]' for one in near)}?"


def _remedy(section: str, name: str) -> str:
    elsewhere = next((key.section for key in KEYS if key.name == name), None)
    if elsewhere is not None:
        return f"it is one of [{elsewhere}]"
    near = difflib.get_close_matches(name, [key.name for key in KEYS if key.section == section], 1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "`cuefarm config` shows all that there are"


def _refusal(key: Key, given: Any, error: ValueError) -> str:
    shown = "what is given" if isinstance(key.kind, DatabaseUrl) else repr(given)[:80]  # there may be a password in it
    why = f" ({error})" if str(error) else ""
    return f"{key.name} cannot be {shown}{why}; accepted is {key.kind.accepted}"


# --- the environment ----------------------------------------------------------------------------------------------


def _in_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, tuple[Any, str]]]:
    """What variables say, by key, each with its name. One that is empty says nothing."""
    for key in KEYS:
        text = environ.get(key.variable)
        if not text:
            continue
        try:
            yield key.name, (key.kind.read(key.kind.from_text(text), Path.cwd()), key.variable)
        except ValueError as error:
            problems.append(f"variable {key.variable}: {_refusal(key, text, error)}")
