"""What every wrapper is: a snapshot of one thing on the farm, and the calls that concern it.

A wrapper's `.data` is the message that the server sent. Getters read it and cost nothing; it is never refreshed behind
the script's back. Methods that change something call the server and leave `.data` alone unless they say otherwise. They
return how many things were changed (`opencue.changed.Changed`): 0 where there was nothing to do.

Most getters only read one field, so they are declared in a line: `name = getter("name", "Full name of the job.")`.
"""

from __future__ import annotations

import operator
import time
from types import FunctionType
from typing import Any, Callable, Optional

from opencue import kinds
from opencue.changed import Changed
from opencue.cuebot import Cuebot
from opencue.rpc import call, change


class Entity:
    """Base of the wrappers. `_service` is the interface that serves it, `_message` the class of `.data`."""

    _service = ""
    _message: Callable[[], Any]

    def __init__(self, message: Optional[Any] = None, **named: Any) -> None:
        if named:  # `Job(job=message)` is how some scripts name it
            message = _named(type(self).__name__, named)
        self.data: Any = self._message() if message is None else message
        self._stub: Optional[Any] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give declared getters the name they are bound to, so that help() and tracebacks show it."""
        super().__init_subclass__(**kwargs)
        kinds.register(cls)
        _readRenamed(cls)
        for name, value in vars(cls).items():
            if isinstance(value, FunctionType) and value.__name__ in _UNNAMED:
                value.__name__ = name
                value.__qualname__ = f"{cls.__qualname__}.{name}"

    @property
    def stub(self) -> Any:
        """The gRPC stub that serves this wrapper; opened when first used."""
        if self._stub is None:
            self._stub = Cuebot.getStub(self._service)
        return self._stub

    @stub.setter
    def stub(self, stub: Any) -> None:
        self._stub = stub

    def _call(self, method: str, **fields: Any) -> Any:
        """Call a method of this entity's interface with `.data` and the other fields of the request."""
        return call(self._service, method, self.stub, **{self._service: self._subject()}, **fields)

    def _change(self, method: str, **fields: Any) -> Changed:
        """Do the same, and return how many things the server says that it changed."""
        return change(self._service, method, self.stub, **{self._service: self._subject()}, **fields)

    def _subject(self) -> Any:
        """Return what stands for this entity in requests."""
        return self.data

    def __repr__(self) -> str:
        name = getattr(self.data, "name", "") or getattr(self.data, "id", "")
        return f"<{type(self).__name__} {name}>"


def _readRenamed(cls: type) -> None:
    """Let inherited getters read the fields that the message of a Nested class calls otherwise."""
    for nested, plain in getattr(cls, "_renamed", ()):
        for name in dir(cls):
            path = getattr(getattr(cls, name), "path", "")
            if name not in vars(cls) and path.startswith(f"{plain}."):
                setattr(cls, name, getter(nested + path[len(plain) :], getattr(cls, name).__doc__))


Getter = Callable[..., Any]
"""A method that returns a field of `.data`."""
_UNNAMED = ("read", "readTime", "change")


def _named(kind: str, named: dict[str, Any]) -> Any:
    """Return the message that was given under the name of the wrapper's class, such as `job`."""
    keyword = kind[:1].lower() + kind[1:]
    if len(named) == 1 and next(iter(named)) in (keyword, keyword.replace("nested", "").lower()):
        return next(iter(named.values()))
    raise TypeError(f"{kind}() takes one message, also as {keyword}=, not {', '.join(f'{name}=' for name in named)}")


def getter(path: str, doc: str, convert: Optional[Callable[[Any], Any]] = None) -> Getter:
    """Make a method that returns one field of `.data`, such as `"job_stats.max_rss"`."""
    field = operator.attrgetter(path)

    def read(self: Any) -> Any:
        value = field(self.data)
        return value if convert is None else convert(value)

    read.__doc__ = doc
    read.path = path  # type: ignore[attr-defined]  # a nested message may call it otherwise
    return read


def timeGetter(path: str, doc: str) -> Getter:
    """Make a method that returns a time of `.data`: seconds since 1970, or text in local time for a strftime format."""
    field = operator.attrgetter(path)

    def readTime(self: Any, format: Optional[str] = None) -> Any:
        seconds = field(self.data)
        return seconds if format is None else time.strftime(format, time.localtime(seconds))

    readTime.__doc__ = doc
    return readTime


class Nested:
    """What wrappers of a whiteboard's messages add: requests speak of the plain thing.

    A whiteboard holds groups with groups and jobs in them, and hosts with procs in them.
    """

    data: Any
    _plain: Callable[[], Any]
    _renamed: tuple[tuple[str, str], ...] = ()
    """Fields that the plain message calls otherwise."""

    def _subject(self) -> Any:
        return asPlain(self.data, self._plain(), self._renamed)


def asPlain(nested: Any, plain: Any, renamed: tuple[tuple[str, str], ...] = ()) -> Any:
    """Fill a plain message from the fields that a nested one has in common with it; return it."""
    names = dict(renamed)
    fields = plain.DESCRIPTOR.fields_by_name
    for field, value in nested.ListFields():
        name = names.get(field.name, field.name)
        if name not in fields or fields[name].message_type is not field.message_type:
            continue
        if hasattr(value, "CopyFrom"):
            getattr(plain, name).CopyFrom(value)
        elif hasattr(value, "MergeFrom"):
            getattr(plain, name).MergeFrom(value)
        else:
            setattr(plain, name, value)
    return plain
