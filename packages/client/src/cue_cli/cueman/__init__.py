"""`cueman`: acts on the frames and layers of jobs, whole ranges at a time."""

from __future__ import annotations

from cue_cli.cueman.command import main

__all__ = ["main"]
