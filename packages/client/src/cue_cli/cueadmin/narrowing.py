"""-where for lists of what the server answers no queries on: shows, allocations, subscriptions, services.

They are few. Their fields are those that --json prints; the language is that of other queries, where it makes sense.
"""

from __future__ import annotations

import difflib
import fnmatch
import operator
import re
import shlex
from typing import Any, Callable

from cue_cli.cueadmin.session import Session, UsageError

_TERM = re.compile(r"(?P<no>-)?(?:(?P<field>[a-z_]+)(?P<op><=|>=|!=|[:=<>]))?(?P<value>.+)", re.DOTALL)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?)(kb|mb|gb|tb)?", re.IGNORECASE)
_KB = {"": 1, "kb": 1, "mb": 1024, "gb": 1024**2, "tb": 1024**3}
_SWITCHES = {"yes": True, "true": True, "no": False, "false": False}

Record = Callable[[Any], dict[str, Any]]


def narrowed(session: Session, things: list[Any], record: Record) -> list[Any]:
    """Return those of the things that -where asks for, by -order where that is given; all of them without a query."""
    query, order = session.options.where, session.options.order
    if query is None:
        return things
    try:
        words = shlex.split(query)
    except ValueError as error:
        raise UsageError(f"-where {query!r}: {error}") from None
    found = [(record(thing), thing) for thing in things]
    for word in words:
        found = [(fields, thing) for fields, thing in found if _matches(word, fields)]
    for field in reversed(order.split(",") if order else []):
        name = field.lstrip("-")
        found.sort(key=lambda pair: _value(name, pair[0]), reverse=field.startswith("-"))
    return [thing for _, thing in found]


def _matches(word: str, fields: dict[str, Any]) -> bool:
    term = _TERM.fullmatch(word)
    assert term is not None, "any text is a term"
    is_meant = not term["no"]
    if term["field"] is None:
        return (term["value"].lower() in str(fields["name"]).lower()) is is_meant
    found, op = _value(term["field"], fields), term["op"]
    if op in _COMPARE:
        return _COMPARE[op](_number(found, word), _number(term["value"], word)) is is_meant
    is_one = any(_is(found, value, word) for value in term["value"].split(","))
    return is_one is (is_meant is not (op == "!="))


def _value(field: str, fields: dict[str, Any]) -> Any:
    """The value of a field, which may be named without its unit."""
    for name in (field, f"{field}_kb", f"{field}_cores", f"{field}_minutes"):
        if name in fields:
            return fields[name]
    alike = difflib.get_close_matches(field, fields, 1)
    meant = f"did you mean {alike[0]!r}?" if alike else f"there are {', '.join(fields)}"
    raise UsageError(f"-where: there is no field {field!r} here; {meant}")


def _is(found: Any, value: str, word: str) -> bool:
    if isinstance(found, bool):
        if value.lower() not in _SWITCHES:
            raise UsageError(f"-where {word!r}: {value!r} is neither yes nor no")
        return found is _SWITCHES[value.lower()]
    if isinstance(found, (int, float)):
        return _number(found, word) == _number(value, word)
    texts = found if isinstance(found, list) else [found]
    return any(fnmatch.fnmatchcase(str(text).lower(), value.lower()) for text in texts)


def _number(value: Any, word: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    amount = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if amount is None:
        raise UsageError(f"-where {word!r}: {value!r} is no number")
    return float(amount[1]) * _KB[(amount[2] or "").lower()]
