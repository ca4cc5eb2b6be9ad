"""`pycuerun`: launches outline scripts."""

from __future__ import annotations

from cue_cli.pycuerun.base import AbstractCuerun
from cue_cli.pycuerun.command import PyCuerun, main

__all__ = ["AbstractCuerun", "PyCuerun", "main"]
