"""The query language: `state:pending show:big* dead>0 -service:nuke user:me`.

Terms are separated by blanks, and all of them must hold; `-` before one says that it must not. A term is a field, an
operator and a value. Several values with commas between them are "one of these". `:` and `=` compare whole texts,
without regard to case, `*` and `?` in a text stand for anything and for one character; `!=`, `<`, `<=`, `>`, `>=`
compare numbers, memory (`4gb`), durations (`90m`) and cores. A value with blanks or commas in it is put in quotes. A
word without a field is looked for in names.

What is written wrongly is refused with the column where it stands, and with the nearest known word.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import translate
from typing import Any, Final, Generic, NamedTuple, TypeVar

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import folded
from cuebot.domain.units import HOUR, MINUTE, SECOND

ME: Final = "me"
"""In the place of a user: whoever asks."""

_TERM = re.compile(r"(?P<not>-?)(?P<field>[A-Za-z_]\w*)?(?P<op>!=|<=|>=|[:=<>])?", re.ASCII)
_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    ":": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}
_ANY = re.compile(r"[*?]")
_ORDERED: Final = ("<", "<=", ">", ">=")
_KIB: Final = {"k": 1, "kb": 1, "m": 1 << 10, "mb": 1 << 10, "g": 1 << 20, "gb": 1 << 20, "t": 1 << 30, "tb": 1 << 30}
_US: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}

Thing = TypeVar("Thing")


class Moment(NamedTuple):
    """What a query is asked of: the farm, now, and by whom."""

    farm: Farm
    now_us: int
    me: str = ""


Get = Callable[[Moment, Thing], Any]
"""The value of a field: a text, a list of texts, a number, a member of an enumeration, or True and False."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a field has, and how they are written."""

    what: str
    """As an error names it."""
    read: Callable[[str], Any]
    """Raises ValueError."""
    is_ordered: bool = False


def _number(text: str) -> float:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", text, re.ASCII):
        raise ValueError(text)
    return float(text)


def _with_unit(text: str, units: Mapping[str, int]) -> float:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([a-z]+)", text.lower(), re.ASCII)
    if match is None or match[2] not in units:
        raise ValueError(text)
    return float(match[1]) * units[match[2]]


def _flag(text: str) -> bool:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


TEXT: Final = Kind("a text", str)
NAME: Final = Kind("a name", str)
"""Of a show, shot, job or layer: it is found in any spelling (`domain.names.folded`)."""
NUMBER: Final = Kind("a number such as 3 or 1.5", _number, is_ordered=True)
MEMORY: Final = Kind("an amount such as 512mb or 4gb", lambda text: _with_unit(text, _KIB), is_ordered=True)
DURATION: Final = Kind("a duration such as 90s, 15m, 2h or 3d", lambda text: _with_unit(text, _US), is_ordered=True)
FLAG: Final = Kind("yes or no", _flag)


def choice(members: type[IntEnum]) -> Kind:
    """A kind whose values are the members of an enumeration, by name, in any case and with `-` for `_`."""
    known = {member.name.lower(): member for member in members}

    def read(text: str) -> IntEnum:
        name = text.lower().replace("-", "_")
        if name not in known:
            raise ValueError(text)
        return known[name]

    return Kind(f"one of {', '.join(known)}", read)


@dataclass(frozen=True, slots=True)
class Field(Generic[Thing]):
    """Something that can be asked of a noun."""

    name: str
    kind: Kind
    get: Get[Thing]
    """Of memory in KiB, of durations in microseconds, of cores in cores."""
    help: str


class Fields(Generic[Thing]):
    """What can be asked of a noun, and which of its texts a word without a field is looked for in."""

    def __init__(self, noun: str, name: Get[Thing], *fields: Field[Thing]) -> None:
        self.noun = noun
        self.name = name
        self._fields = {field.name: field for field in fields}

    def __iter__(self) -> Any:
        return iter(self._fields.values())

    def find(self, name: str, column: int) -> Field[Thing]:
        """A field by name. Raises Invalid."""
        found = self._fields.get(name.lower())
        if found is None:
            raise wrong(column, f"{self.noun}s have no field {quoted(name)!r}{_nearest(name, self._fields)}")
        return found


class Term(NamedTuple):
    """One demand of a query. Column 1 is its first character."""

    column: int
    is_not: bool
    field: str
    """Empty for a word that is looked for in names."""
    op: str
    values: tuple[str, ...]


def parse(text: str, bounds: Bounds) -> list[Term]:
    """The terms of a query. Raises Invalid with the column."""
    most = bounds.query_characters
    if len(text) > most:
        raise Invalid(f"a query has at most {most} characters (limit query_characters), this one has {len(text)}")
    terms, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        term, at = _term(text, at)
        terms.append(term)
    if sum(len(term.values) for term in terms) > bounds.search_words:
        raise Invalid(f"a query has at most {bounds.search_words} values (limit search_words)")
    return terms


def _term(text: str, at: int) -> tuple[Term, int]:
    match = _TERM.match(text, at)
    assert match is not None, "all of it may be missing"
    if match["field"] and match["op"]:
        values, end = _values(text, match.end())
        if not values:
            raise wrong(match.end() + 1, f"a value is missing after {match['field']}{match['op']}")
        return Term(at + 1, bool(match["not"]), match["field"], match["op"], values), end
    start = at + len(match["not"])
    values, end = _values(text, start)
    if not values:
        raise wrong(start + 1, f"{quoted(text[at : at + 10])!r} is no term; write FIELD:VALUE, FIELD>NUMBER or a word")
    return Term(at + 1, bool(match["not"]), "", ":", values), end


def _values(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """Values with commas between them, and where they end."""
    values: list[str] = []
    while at < len(text) and not text[at].isspace():
        if text[at] == ",":
            at += 1
        elif text[at] in "\"'":
            end = text.find(text[at], at + 1)
            if end < 0:
                raise wrong(at + 1, f"the quote {text[at]} has no other one after it")
            values.append(text[at + 1 : end])
            at = end + 1
        else:
            end = at
            while end < len(text) and not text[end].isspace() and text[end] != ",":
                end += 1
            values.append(text[at:end])
            at = end
    return tuple(values), at


def matcher(fields: Fields[Thing], terms: Iterable[Term], moment: Moment) -> Callable[[Thing], bool]:
    """Whether a thing is what a query asks for. Raises Invalid where a field or a value is not known."""
    tests = [_test(fields, term, moment) for term in terms]
    return lambda thing: all(test(thing) for test in tests)


def _test(fields: Fields[Thing], term: Term, moment: Moment) -> Callable[[Thing], bool]:
    if not term.field:
        found = _in_names(fields, term.values, moment)
    else:
        found = _in_field(fields.find(term.field, term.column + term.is_not), term, moment)
    return (lambda thing: not found(thing)) if term.is_not else found


def _in_names(fields: Fields[Thing], words: Sequence[str], moment: Moment) -> Callable[[Thing], bool]:
    patterns = [_glob(f"*{word}*") for word in words]
    return lambda thing: any(pattern.match(fields.name(moment, thing).lower()) for pattern in patterns)


def _in_field(field: Field[Thing], term: Term, moment: Moment) -> Callable[[Thing], bool]:
    get = field.get
    if term.op in _ORDERED and not field.kind.is_ordered:
        raise wrong(
            term.column, f"{field.name} has no order, so {term.op} says nothing of it; write {field.name}:VALUE"
        )
    if field.kind in (TEXT, NAME):
        values = [moment.me if value == ME and field.name == "user" else value for value in term.values]
        is_one = is_one_of(values, folded if field.kind is NAME else str.lower)
        if term.op == "!=":
            return lambda thing: not is_one(get(moment, thing))
        return lambda thing: is_one(get(moment, thing))
    wanted = [_read(field, value, term) for value in term.values]
    if len(wanted) == 1:
        compare, value = _COMPARE[term.op], wanted[0]
        return lambda thing: bool(compare(get(moment, thing), value))
    if term.op in _ORDERED:
        raise wrong(term.column, f"{term.op} takes one value, not {len(wanted)}")
    some = frozenset(wanted)
    return lambda thing: (get(moment, thing) in some) is (term.op != "!=")


def is_one_of(values: Sequence[str], fold: Callable[[str], str] = str.lower) -> Callable[[Any], bool]:
    """Whether a text, or one of a list of texts, is one of these, in which `*` and `?` stand for others."""
    plain = frozenset(fold(value) for value in values if not _ANY.search(value))
    globs = [_glob(fold(value)) for value in values if _ANY.search(value)]

    def is_one(text: Any) -> bool:
        if not isinstance(text, str):
            return any(is_one(part) for part in text)
        spelled = fold(text)
        return spelled in plain or any(glob.match(spelled) for glob in globs)

    return is_one


def _glob(text: str) -> re.Pattern[str]:
    """A text in which `*` stands for anything and `?` for one character, as a pattern that takes linear time."""
    return re.compile(translate(text.lower().replace("[", "[[]")))


def _read(field: Field[Any], value: str, term: Term) -> Any:
    try:
        return field.kind.read(value)
    except ValueError:
        raise wrong(term.column, f"{field.name} takes {field.kind.what}, not {quoted(value)!r}") from None


def in_order(fields: Fields[Thing], things: Iterable[Thing], order: str, moment: Moment) -> list[Thing]:
    """Things sorted by fields with commas between them, `-` before one for the largest first. Raises Invalid."""
    found = list(things)
    column = 1
    keys = []
    for part in order.split(","):
        name = part.strip()
        keys.append((fields.find(name.lstrip("-"), column).get, name.startswith("-")))
        column += len(part) + 1
    for get, is_last_first in reversed(keys):
        found.sort(key=lambda thing: _sort_key(get(moment, thing)), reverse=is_last_first)
    return found


def _sort_key(value: Any) -> Any:
    return value if isinstance(value, (str, int, float)) else ",".join(value)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def wrong(column: int, what: str) -> Invalid:
    """What is wrong with a query, and where."""
    return Invalid(f"query, column {column}: {what}")
