"""The layer of a file of commands."""

from __future__ import annotations

import os
from typing import Any

from FileSequence import FrameSet
from outline.layer import Layer

EXECUTOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "execute_commands.py")


class CommandFile(Layer):
    """Runs the lines of a file, `chunk_of_lines` a frame.

    File and executor are copied into the session, which the hosts see; they need Python 3 and nothing else.
    """

    def __init__(self, name: str, **args: Any) -> None:
        super().__init__(name, **{"proxy_enable": False, **args})
        self.require_arg("commands_path", str)
        self.require_arg("chunk_of_lines", int)

    def _setup(self) -> None:
        path = self.get_arg("commands_path")
        stem = os.path.splitext(os.path.basename(path))[0]
        commands = self.put_file(path, rename=f"{stem}.cmds")
        executor = self.put_file(EXECUTOR, rename=os.path.basename(EXECUTOR))
        for copy in (commands, executor):
            os.chmod(copy, 0o644)  # a frame runs as the user of its job, who need not be the one who submits
        self.set_arg(
            "command", ["python3", executor, commands, str(self.get_arg("chunk_of_lines")), "--frame", "#IFRAME#"]
        )

    def _execute(self, frames: FrameSet) -> None:
        for frame in frames:
            self.system(self.get_arg("command"), frame=frame)
