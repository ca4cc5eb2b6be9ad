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

    def __init__(self, message: Optional[Any] = None) -> None:
        self.data = self._message() if message is None else message
        self._stub: Optional[Any] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give declared getters the name they are bound to, so that help() and tracebacks show it."""
        super().__init_subclass__(**kwargs)
        kinds.register(cls)
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
        return call(self._service, method, self.stub, **{self._service: self.data}, **fields)

    def _change(self, method: str, **fields: Any) -> Changed:
        """Do the same, and return how many things the server says that it changed."""
        return change(self._service, method, self.stub, **{self._service: self.data}, **fields)

    def __repr__(self) -> str:
        name = getattr(self.data, "name", "") or getattr(self.data, "id", "")
        return f"<{type(self).__name__} {name}>"


def plainMessage(nested: Any, kind: Callable[[], Any]) -> Any:
    """Return a message of a thing alone, made of one that nests others in it: what requests take."""
    message = kind()
    for field, value in nested.ListFields():
        target = message.DESCRIPTOR.fields_by_name.get(field.name)
        if target is None or target.message_type is not None:
            continue
        if isinstance(getattr(message, field.name), (str, bytes, int, float, bool)):
            setattr(message, field.name, value)
        else:
            getattr(message, field.name).extend(value)
    return message


_UNNAMED = ("read", "readTime", "change")


def getter(path: str, doc: str, convert: Optional[Callable[[Any], Any]] = None) -> Callable[..., Any]:
    """Make a method that returns one field of `.data`, such as `"job_stats.max_rss"`."""
    field = operator.attrgetter(path)

    def read(self: Any) -> Any:
        value = field(self.data)
        return value if convert is None else convert(value)

    read.__doc__ = doc
    return read


def timeGetter(path: str, doc: str) -> Callable[..., Any]:
    """Make a method that returns a time of `.data`: seconds since 1970, or text in local time for a strftime format."""
    field = operator.attrgetter(path)

    def readTime(self: Any, format: Optional[str] = None) -> Any:
        seconds = field(self.data)
        return seconds if format is None else time.strftime(format, time.localtime(seconds))

    readTime.__doc__ = doc
    return readTime
