"""`cuecmd`: runs the lines of a file on the farm, each one a command."""

from __future__ import annotations

from cue_cli.cuecmd.command import main

__all__ = ["main"]
