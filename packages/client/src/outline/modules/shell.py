"""Layers that run commands, scripts and pieces of Python."""

from __future__ import annotations

import os
from typing import Any, Sequence, Union

from FileSequence import FrameSet
from outline.exception import LayerException
from outline.layer import Frame, Layer

__all__ = ["PyEval", "Shell", "ShellCommand", "ShellScript", "ShellSequence", "shell"]

SCRIPT = "script"
"""The name of the copied script in the layer's session folder."""


class Shell(Layer):
    """A command that is run once for each frame, with the frame's number in place of `#IFRAME#`.

    `command` is a list of words, or one text. A command that fails fails the frame with its exit status.
    """

    def __init__(self, name: str, **args: Any) -> None:
        super().__init__(name, **{"proxy_enable": False, **args})
        self.require_arg("command", (list, tuple, str))

    def _execute(self, frames: FrameSet) -> None:
        for frame in frames:
            self.system(self.get_arg("command"), frame=frame)


class ShellCommand(Frame):
    """A command that is run once, whatever range the outline has."""

    def __init__(self, name: str, **args: Any) -> None:
        super().__init__(name, **{"proxy_enable": False, **args})
        self.require_arg("command", (list, tuple, str))

    def _execute(self, frames: FrameSet) -> None:
        self.system(self.get_arg("command"), frame=frames[0])


class ShellSequence(Layer):
    """A list of commands, one for each frame: the first is frame 1."""

    def __init__(self, name: str, **args: Any) -> None:
        super().__init__(name, **{"proxy_enable": False, **args})
        commands = args.get("commands")
        if not isinstance(commands, (list, tuple)) or not commands:
            raise LayerException(f"layer {name} needs the argument 'commands', a list of at least one command")
        self.require_arg("commands", (list, tuple))
        self.set_frame_range(f"1-{len(commands)}")

    def get_frame_range(self) -> str:
        """Return one frame for each command, whatever range the outline has."""
        return self.get_arg("range")

    def _execute(self, frames: FrameSet) -> None:
        for frame in frames:
            self.system(self.get_arg("commands")[frame - 1], frame=frame)


class ShellScript(Frame):
    """A script file that is copied into the session at launch and run once."""

    def __init__(self, name: str, **args: Any) -> None:
        super().__init__(name, **args)
        self.require_arg(SCRIPT, (str, os.PathLike))

    def _setup(self) -> None:
        os.chmod(self.put_file(self.get_arg(SCRIPT), rename=SCRIPT), 0o755)

    def _execute(self, frames: FrameSet) -> None:
        self.system([self.get_file(SCRIPT)], frame=frames[0])


class PyEval(Layer):
    """Python source that is run for each frame of the job; it finds `layer` and `frames` in its names."""

    def __init__(self, name: str, code: str, **args: Any) -> None:
        super().__init__(name, **args)
        self.__code = code

    def _setup(self) -> None:
        with open(self.get_file(SCRIPT, new=True), "w", encoding="utf-8") as stream:
            stream.write(self.__code)

    def _execute(self, frames: FrameSet) -> None:
        path = self.get_file(SCRIPT)
        with open(path, encoding="utf-8") as stream:
            code = compile(stream.read(), path, "exec")
        exec(code, {"__name__": "__pyeval__", "layer": self, "frames": frames})


def shell(name: str, command: Union[str, Sequence[str]], **args: Any) -> Shell:
    """Return a layer that runs a command for each frame."""
    return Shell(name, command=command, **args)
