"""The configuration: packaged defaults, the user's file laid over them, environment variables on top."""

from __future__ import annotations

import configparser
import os
import sys

_FILE_VARIABLES = ("OUTLINE_CONFIG_FILE", "OL_CONFIG")
_PACKAGED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outline.cfg")


def config_base_directory() -> str:
    """Return the folder of the user's configuration files."""
    if sys.platform == "win32":
        return os.path.join(os.path.expandvars("%APPDATA%"), "opencue")
    return os.path.join(os.path.expanduser("~"), ".config", "opencue")


def read_config_from_disk() -> configparser.ConfigParser:
    """Return the configuration as files and environment hold it now.

    Raises:
        FileNotFoundError: a variable names a configuration file that does not exist.
    """
    parser = configparser.ConfigParser()
    parser["DEFAULT"]["home"] = os.path.dirname(os.path.dirname(_PACKAGED))
    paths = [_PACKAGED]
    user_path = _user_config_path()
    if user_path:
        paths.append(user_path)
    for path in paths:
        with open(path, encoding="utf-8") as stream:
            parser.read_file(stream, path)
    _override_from_environment(parser)
    return parser


def _user_config_path() -> str:
    for variable in _FILE_VARIABLES:
        path = os.environ.get(variable)
        if path:
            if not os.path.isfile(path):
                raise FileNotFoundError(f"{variable} names {path}, which is no file: create it, or unset {variable}")
            return path
    path = os.path.join(config_base_directory(), "outline.cfg")
    return path if os.path.isfile(path) else ""


def _override_from_environment(parser: configparser.ConfigParser) -> None:
    for section in parser.sections():
        for option in parser.options(section):
            name = f"OUTLINE_{section}_{option}"
            variable = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).upper()
            value = os.environ.get(variable)
            if value is not None:
                parser.set(section, option, value.replace("%", "%%"))


config = read_config_from_disk()
"""The configuration of this process, read when `outline` is imported."""
