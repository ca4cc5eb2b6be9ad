"""`cuesubmit`: submits jobs of Shell, Blender, Maya, Nuke and Houdini, from flags or from a form in the terminal."""

from __future__ import annotations

from cue_cli.cuesubmit.command import main

__all__ = ["main"]
