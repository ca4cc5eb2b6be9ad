"""Values of scenario files: each kind has one function that understands it, or says what is accepted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

import yaml

from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid
from cuebot.domain.names import conform_name
from cuebot.domain.units import HOUR, MINUTE, SECOND, CoreUnits, KiB, Micros

T = TypeVar("T")

DEFAULT_ALLOCATION: Final = "general"

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?(MiB|GiB|TiB)")
_KIB_IN: Final = {"MiB": 1_024, "GiB": 1_048_576, "TiB": 1_073_741_824}


class ScenarioError(Invalid):
    """A scenario that cannot be used; says where, what is wrong, and what is accepted."""

    def __init__(self, path: str, problem: str) -> None:
        """Say what is wrong with the key at `path`, such as `hosts[0].cores`."""
        super().__init__(f"{path}: {problem}")
        self.path = path


Parse = Callable[[Any, str], T]
_REQUIRED: Final = object()


class Keys:
    """The keys of one mapping, each taken once; what is left over is a mistake."""

    def __init__(self, value: Any, path: str, *, top: bool = False) -> None:
        if not isinstance(value, dict):
            raise ScenarioError(path, f"accepted is a mapping of keys to values, not {quoted(value)}")
        self.path = path
        self._values: dict[Any, Any] = value
        self._prefix = "" if top else f"{path}."
        self._taken: list[str] = []

    def take(self, key: str, parse: Parse[T], default: Any = _REQUIRED) -> T:
        """The value of a key, understood."""
        self._taken.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                raise ScenarioError(self.path, f"the key `{key}` is missing")
            return default  # type: ignore[no-any-return]
        return parse(self._values[key], f"{self._prefix}{key}")

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._values:
            if key not in self._taken:
                near = difflib.get_close_matches(str(key), self._taken, 1)
                hint = f" (did you mean `{near[0]}`?)" if near else ""
                raise ScenarioError(self.path, f"there is no key `{key}`{hint}; accepted are {', '.join(self._taken)}")


class StrictLoader(yaml.SafeLoader):
    """YAML of plain values, in which no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; YAML itself would let the last of two equal keys win."""
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.constructor.ConstructorError(None, None, f"the key `{key}` stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def quoted(value: Any) -> str:
    """A value as an error shows it."""
    return repr(value)[:80]


def a_text(value: Any, path: str) -> str:
    """Some text."""
    if not isinstance(value, str):
        raise ScenarioError(path, f"accepted is a text, not {quoted(value)}")
    return value.strip()


def a_name(value: Any, path: str) -> str:
    """A name of a thing in a scenario."""
    try:
        return conform_name("layer", a_text(value, path), DEFAULT_BOUNDS)
    except Invalid as error:
        raise ScenarioError(path, str(error)) from error


def some_names(value: Any, path: str) -> tuple[str, ...]:
    """A name, or a list of them."""
    if isinstance(value, list) and value:
        return tuple(a_name(one, f"{path}[{place}]") for place, one in enumerate(value))
    return (a_name(value, path),)


def list_of(parse: Parse[T]) -> Parse[tuple[T, ...]]:
    """A list of at least one."""

    def parse_all(value: Any, path: str) -> tuple[T, ...]:
        if not isinstance(value, list) or not value:
            raise ScenarioError(path, f"accepted is a list of at least one, not {quoted(value)}")
        return tuple(parse(one, f"{path}[{place}]") for place, one in enumerate(value))

    return parse_all


def one_of(*words: str) -> Parse[str]:
    """One of some words."""

    def parse(value: Any, path: str) -> str:
        if value not in words:
            raise ScenarioError(path, f"accepted are {', '.join(words)}, not {quoted(value)}")
        return str(value)

    return parse


def whole(least: int, most: int = 10_000_000) -> Parse[int]:
    """A whole number."""

    def parse(value: Any, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ScenarioError(path, f"accepted is a whole number from {least} to {most}, not {quoted(value)}")
        return value

    return parse


def number(least: float, most: float) -> Parse[float]:
    """A number."""

    def parse(value: Any, path: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            raise ScenarioError(path, f"accepted is a number from {least:g} to {most:g}, not {quoted(value)}")
        return float(value)

    return parse


def whole_cores(least: int) -> Parse[CoreUnits]:
    """A whole number of cores, as core units."""
    parse_whole = whole(least)
    return lambda value, path: CoreUnits(parse_whole(value, path) * 100)


def cores_of_frame(value: Any, path: str) -> CoreUnits:
    """The cores of a frame as core units; `all` is 0, a whole host."""
    if value == "all":
        return CoreUnits(0)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0.1 <= value <= 1_000:
        raise ScenarioError(path, f"accepted is a number of cores from 0.1 to 1000, or `all`, not {quoted(value)}")
    return CoreUnits(round(value * 100))


def hourly_rates(value: Any, path: str) -> tuple[float, ...]:
    """A rate for each hour of the day, or one for all."""
    rate = number(0, 100_000)
    if not isinstance(value, list):
        return (rate(value, path),) * 24
    if len(value) != 24:
        raise ScenarioError(path, f"accepted is one number, or 24 of them from midnight on, not {len(value)}")
    return tuple(rate(one, f"{path}[{place}]") for place, one in enumerate(value))


def duration_or_zero(value: Any, path: str) -> Micros:
    """A duration such as 90s or 1h30m, or 0s."""
    match = _DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) and value.strip() else None
    if match is None:
        raise ScenarioError(path, f"accepted is a duration such as 90s, 15m, 1h30m or 2d, not {quoted(value)}")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return Micros(round(days * 24 * HOUR + hours * HOUR + minutes * MINUTE + seconds * SECOND))


def duration(value: Any, path: str) -> Micros:
    """A duration such as 90s or 1h30m, longer than nothing. Raises ScenarioError."""
    duration_us = duration_or_zero(value, path)
    if not duration_us:
        raise ScenarioError(path, "accepted is a duration that is longer than nothing")
    return duration_us


def memory(value: Any, path: str) -> KiB:
    """An amount of memory such as 64 GiB."""
    match = _MEMORY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ScenarioError(path, f"accepted is an amount of memory such as 512 MiB or 64 GiB, not {quoted(value)}")
    return KiB(round(float(match[1]) * _KIB_IN[match[2]]))
