"""`cuefarm.toml`: what whoever runs the farm may choose. Flags beat the environment, and that beats the file.

A file has the sections `[server]`, `[settings]` and `[limits]`; every name is that of a field in `domain/settings.py`
(of `[server]`: of a flag). In the environment each is `CUEFARM_` and its name in capitals. Durations are texts such as
`"90s"`, `"5m"` or `"2h"`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from cuebot.app.exit_status import CannotStart
from cuebot.domain.settings import DEFAULT_BOUNDS, DEFAULT_SETTINGS, Bounds, Settings
from cuebot.domain.units import HOUR, MINUTE, SECOND

VARIABLE: Final = "CUEFARM_CONFIG"
SYSTEM_FILE: Final = Path("/etc/cuefarm/cuefarm.toml")
FILE_NAME: Final = "cuefarm.toml"
FILE_BYTES_MAX: Final = 1024 * 1024

SERVER: Final[Mapping[str, type]] = {
    "db": str,
    "db_password_file": str,
    "token_file": str,
    "log_root": str,
    "grpc": str,
    "http": str,
    "http_name": list,
    "open": list,
    "group": str,
    "log_level": str,
    "wait_for_database": float,
    "agents": int,
}
"""Flags of `cuefarm serve` and `cuefarm up` that the section `[server]` may give."""

_UNITS: Final = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": 24 * HOUR}


class ConfigWrong(CannotStart):
    """A file or a variable has what nobody understands; the words say where, and what is accepted."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is in force for a name, and where it comes from."""

    section: str
    name: str
    value: Any
    source: str
    """`default`, the path of a file, or the name of a variable."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a file and the environment say."""

    file: Path | None
    settings: Settings
    bounds: Bounds
    server: Mapping[str, Any]
    """Flags by name, those that were given."""
    sources: Mapping[tuple[str, str], str]

    def values(self) -> Iterator[Value]:
        """Everything that can be chosen, as it is in force."""
        for name in SERVER:
            yield Value("server", name, self.server.get(name), self.sources.get(("server", name), "default"))
        for field in fields(Settings):
            if field.name not in _BY_FLAG:
                value = _shown(field.name, getattr(self.settings, field.name))
                yield Value("settings", key_of(field.name), value, self._source("settings", field.name))
        for field in fields(Bounds):
            yield Value("limits", field.name, getattr(self.bounds, field.name), self._source("limits", field.name))

    def _source(self, section: str, name: str) -> str:
        return self.sources.get((section, name), "default")


_BY_FLAG: Final = ("log_root",)
"""Settings that a flag of the server gives."""


def load(given: Path | None = None, folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file that counts, and the environment over it. Raises ConfigWrong.

    The file is the one that is `given`, else the one that the variable names, else `cuefarm.toml` in the farm's folder,
    else that of the system. A file that was named must be there.
    """
    file, must_exist = _file(given, folder, environ)
    sections = _read(file, must_exist=must_exist)
    sources: dict[tuple[str, str], str] = {}
    found: dict[str, dict[str, Any]] = {"server": {}, "settings": {}, "limits": {}}
    for section, entries in sections.items():
        for key, raw in entries.items():
            name, value = _understood(section, key, raw, f"{file}: [{section}] {key}")
            found[section][name] = value
            sources[section, name] = str(file)
    for section, name, key in _names():
        variable = f"CUEFARM_{key.upper()}"
        if variable in environ and (section, name) not in _OWN_VARIABLES:
            found[section][name] = _understood(section, key, _from_text(section, name, environ[variable]), variable)[1]
            sources[section, name] = variable
    return Config(
        file=file if sections else None,
        settings=replace(DEFAULT_SETTINGS, **found["settings"]),
        bounds=replace(DEFAULT_BOUNDS, **found["limits"]),
        server=found["server"],
        sources=sources,
    )


_OWN_VARIABLES: Final = (("server", "db"), ("server", "token_file"))
"""They have had variables before, which are read where they are used."""


def key_of(name: str) -> str:
    """What a setting is called in the file: durations without their unit, since they are written with one."""
    return name.removesuffix("_us")


def _names() -> Iterator[tuple[str, str, str]]:
    """Section, field and key of everything that can be chosen."""
    for name in SERVER:
        yield "server", name, name
    for field in fields(Settings):
        if field.name not in _BY_FLAG:
            yield "settings", field.name, key_of(field.name)
    for field in fields(Bounds):
        yield "limits", field.name, field.name


def _file(given: Path | None, folder: Path | None, environ: Mapping[str, str]) -> tuple[Path | None, bool]:
    if given is not None:
        return given, True
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE]), True
    candidates = [*([folder / FILE_NAME] if folder is not None else []), SYSTEM_FILE]
    return next((file for file in candidates if file.is_file()), None), False


def _read(file: Path | None, *, must_exist: bool) -> dict[str, dict[str, Any]]:
    if file is None:
        return {}
    try:
        data = file.read_bytes()[: FILE_BYTES_MAX + 1]
        if len(data) > FILE_BYTES_MAX:
            raise ConfigWrong(f"{file} has more than {FILE_BYTES_MAX} bytes; it is no configuration")
        sections = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        if not must_exist:
            return {}
        raise ConfigWrong(f"the configuration {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigWrong(f"the configuration {file} is no TOML: {error}") from error
    for section, entries in sections.items():
        if section not in ("server", "settings", "limits") or not isinstance(entries, dict):
            known = ("server", "settings", "limits")
            raise ConfigWrong(f"{file}: there is no section {section!r}{_nearest(section, known)}")
    return sections


def _understood(section: str, key: str, raw: Any, where: str) -> tuple[str, Any]:
    """The field that a key means, and its value. Raises ConfigWrong."""
    known = {other: name for of, name, other in _names() if of == section}
    if key not in known:
        raise ConfigWrong(f"{where}: there is no such key{_nearest(key, known)}")
    name = known[key]
    try:
        return name, _value(section, name, raw)
    except ValueError as error:
        raise ConfigWrong(f"{where}: accepted is {error}, not {raw!r}") from None


def _value(section: str, name: str, raw: Any) -> Any:
    """A value of the kind that its field has. Raises ValueError with what is accepted."""
    if section == "server":
        return _flag_value(SERVER[name], raw)
    default = getattr(DEFAULT_SETTINGS if section == "settings" else DEFAULT_BOUNDS, name)
    if name.endswith("_us"):
        return _duration_us(raw)
    if isinstance(default, int):
        if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw < 1 << 53:
            raise ValueError("a whole number from 0 on")
        return raw
    if not isinstance(raw, str) or not raw:
        raise ValueError("a text")
    return raw


def _flag_value(kind: type, raw: Any) -> Any:
    if kind is list:
        if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
            raise ValueError("a list of texts")
    elif kind is float:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not 0 <= raw < float("inf"):
            raise ValueError("a number of seconds")
    elif kind is int:
        if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
            raise ValueError("a whole number from 0 on")
    elif not isinstance(raw, str) or not raw:
        raise ValueError("a text")
    return raw


def _from_text(section: str, name: str, text: str) -> Any:
    """What a variable says, as the file would have it."""
    if section == "server":
        kind = SERVER[name]
        if kind is list:
            return [part for part in text.replace(",", " ").split() if part]
        return _number(text) if kind in (int, float) else text
    if section == "settings" and not name.endswith("_us"):
        return text
    return _number(text) if section == "limits" else text


def _number(text: str) -> Any:
    if re.fullmatch(r"\d{1,16}", text, re.ASCII):
        return int(text)
    return float(text) if re.fullmatch(r"\d{1,9}\.\d{1,6}", text, re.ASCII) else text


def _duration_us(raw: Any) -> int:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)", raw) if isinstance(raw, str) else None
    if match is None:
        raise ValueError('a duration such as "90s", "5m" or "2h"')
    return round(float(match[1]) * _UNITS[match[2]])


def _shown(name: str, value: Any) -> Any:
    """A setting as the file has it."""
    if not name.endswith("_us"):
        return value
    unit, size = next((unit, size) for unit, size in reversed(_UNITS.items()) if value % size == 0 and value >= size)
    return f"{value // size}{unit}"


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(list(known)[:12])}"
