"""One launch: an outline, and how it is to be launched."""

from __future__ import annotations

import os
import re
from typing import Any, Dict

from outline.backend import import_backend_module
from outline.config import config
from outline.constants import OUTLINE_MODE_SETUP
from outline.exception import OutlineException
from outline.layer import Frame
from outline.scripts import end_if_rereading

_DATE_SUFFIX = re.compile(r"_(\d\d|\d{4})(_\d\d){4}$")
"""What applications append to the names of scenes that they write for one launch: a date and a time."""


def get_launch_facility() -> str:
    """Return the facility of this shell: `$RENDER_TO`, or `$FACILITY`, or else the configured one."""
    return os.environ.get("RENDER_TO") or os.environ.get("FACILITY") or config.get("outline", "facility")


class OutlineLauncher:
    """An outline and the flags of its launch.

    Flags: `autoeat backend basename debug dev devuser env facility maxretries nomail os pause priority progress range
    range_default server shot show test user wait`. One that is not given, or None, leaves to the outline what the
    outline knows, and to the configuration what that knows.
    """

    def __init__(self, outline: Any, **flags: Any) -> None:
        self.__outline = outline
        self.__is_set_up = False
        self.__flags: Dict[str, Any] = {
            "autoeat": False,
            "backend": config.get("outline", "backend"),
            "basename": None,
            "debug": False,
            "dev": False,
            "devuser": None,
            "env": [],
            "facility": outline.get_facility() or get_launch_facility(),
            "maxretries": config.getint("outline", "maxretries"),
            "nomail": False,
            "os": os.environ.get("OL_OS"),
            "pause": False,
            "priority": 1 if outline.get_priority() is None else outline.get_priority(),
            "progress": None,
            "range": None,
            "range_default": False,
            "server": False,
            "shot": outline.get_shot(),
            "show": outline.get_show(),
            "test": False,
            "user": outline.get_user(),
            "wait": False,
        }
        for key, value in flags.items():
            self.set_flag(key, value)

    def set_flag(self, key: str, value: Any) -> None:
        """Set a flag; None leaves it as it is."""
        if value is not None:
            self.__flags[key] = value

    def get_flag(self, key: str, default: Any = None) -> Any:
        """Return a flag, or the default where it is not set."""
        value = self.__flags.get(key)
        return default if value is None else value

    get = get_flag

    def get_outline(self) -> Any:
        """Return the outline."""
        return self.__outline

    def setup(self) -> None:
        """Apply the flags to the outline and set that up, unless both was done."""
        if self.__is_set_up:
            return
        end_if_rereading()
        outline = self.__outline
        if outline.get_mode() < OUTLINE_MODE_SETUP:
            outline.set_show(self.get("show"))
            outline.set_shot(self.get("shot"))
            outline.set_user(self.get("user"))
            os.environ["SHOW"], os.environ["SHOT"] = outline.get_show(), outline.get_shot()
            if self.get("range") and not (self.get("range_default") and self.__every_layer_has_a_range()):
                outline.set_frame_range(self.get("range"))
            for assignment in self.get("env"):
                key, equals, value = assignment.partition("=")
                if not key or not equals:
                    raise OutlineException(f"{assignment!r} sets no environment variable: write NAME=VALUE")
                outline.set_env(key, value)
            outline.set_name(self.get("basename") or _DATE_SUFFIX.sub("", outline.get_name()))
            outline.setup()
        self.__is_set_up = True

    def __every_layer_has_a_range(self) -> bool:
        return all(layer.get_arg("range") for layer in self.__outline.get_layers() if not isinstance(layer, Frame))

    def launch(self, use_pycuerun: bool = True) -> Any:
        """Launch the outline with the backend that the flag names, and return what that returns."""
        self.setup()
        return self.__backend().launch(self, use_pycuerun)

    def serialize(self, use_pycuerun: bool = True) -> Any:
        """Return what the backend would launch: the job specification of the backend `cue`."""
        self.setup()
        backend = self.__backend()
        return backend.serialize(self) if use_pycuerun else backend.serialize_simple(self)

    def __backend(self) -> Any:
        return import_backend_module(self.get("backend"))
