"""What layers of applications have in common: they build a command from typed arguments and run it.

A command has tokens in place of frame numbers, so it runs as it is on a host that has no `outline`
(`use_pycuerun=False`), and a chunk of frames is one call.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterable, List, Optional, Union

from FileSequence import FrameSet
from outline import util
from outline.command_line import replace_tokens, token_values
from outline.exception import LayerException
from outline.layer import Layer

FRAME = "#IFRAME#"
FIRST, LAST = "#FRAME_START#", "#FRAME_END#"

Path = Union[str, "os.PathLike[str]"]


class Application(Layer):
    """A layer whose command a function builds: its arguments are that function's, and those of every layer.

    Subclasses set `build` and the service. A range with gaps cannot be rendered in chunks, since the application is
    told only the first and the last frame of each.
    """

    build: Callable[..., List[str]]
    service = "default"

    def __init__(self, name: str, **args: Any) -> None:
        own = {key: args.pop(key) for key in _parameters(self.build) if key in args}
        try:
            command = self.build(**own)
        except TypeError as error:
            raise LayerException(f"layer {name}: {error}") from error
        except LayerException as error:
            raise LayerException(f"layer {name}: {error}") from error
        super().__init__(name, **{"proxy_enable": False, "service": self.service, **args, "command": command})
        self.require_arg("command", (list, tuple))

    def _setup(self) -> None:
        check_chunks(self)

    def _execute(self, frames: FrameSet) -> None:
        values = token_values(frames, self.get_name(), os.environ.get("CUE_JOB", ""), self.get_chunk_size())
        self.system([replace_tokens(str(word), values) for word in self.get_arg("command")])


def check_chunks(layer: Layer) -> None:
    """Raise a LayerException if a chunk of the layer's frames is more than its command is told of."""
    chunk = layer.get_chunk_size()
    if chunk <= 1:
        return
    if not any(LAST in str(word) for word in layer.get_arg("command")):
        raise LayerException(f"layer {layer.get_name()} does one frame in a call: its chunk size has to be 1")
    frames = util.disaggregate_frame_set(layer.get_frame_set() or ())
    for start in range(0, len(frames), chunk):
        part = frames[start : start + chunk]
        if part != list(range(part[0], part[0] + len(part))):
            raise LayerException(
                f"the frames {util.compact_frame_range(part)} of layer {layer.get_name()} cannot be one call, which"
                " does all from a first to a last: use chunk 1, or a range without gaps"
            )


def option(flag: str, value: Any) -> List[str]:
    """Return a flag and its value, or nothing where the value is None."""
    return [] if value is None else [flag, str(value)]


def needed(what: str, value: Optional[Path]) -> str:
    """Return a text or path that has to be there.

    Raises:
        LayerException: it is missing or empty.
    """
    text = os.fspath(value) if value is not None else ""
    if not text.strip():
        raise LayerException(f"{what} is missing")
    return text


def positive(what: str, value: Optional[int]) -> Optional[int]:
    """Return a number that has to be whole and at least 1, or None where it is not given.

    Raises:
        LayerException: it is no such number.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise LayerException(f"{what} has to be a whole number of 1 or more, not {value!r}")
    return value


def one_of(what: str, value: Optional[str], choices: Iterable[str]) -> Optional[str]:
    """Return a text that has to be one of several, or None where it is not given.

    Raises:
        LayerException: it is none of them.
    """
    known = tuple(choices)
    if value is not None and value not in known:
        raise LayerException(f"{what} has to be one of {', '.join(known)}, not {value!r}")
    return value


def words(what: str, given: Iterable[str]) -> List[str]:
    """Return further words of a command, which have to be a list: a text would be taken apart into letters.

    Raises:
        LayerException: it is a text.
    """
    if isinstance(given, str):
        raise LayerException(f"{what} has to be a list of words, not the text {given!r}")
    return [str(word) for word in given]


def pairs(flag: str, values: Optional[Dict[str, str]]) -> List[str]:
    """Return a flag with `NAME=VALUE` for each value."""
    return [word for key, value in (values or {}).items() for word in (flag, f"{key}={value}")]


def _parameters(function: Callable[..., Any]) -> List[str]:
    code = function.__code__  # inspect.signature says the same and is slow to import, in every frame
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
