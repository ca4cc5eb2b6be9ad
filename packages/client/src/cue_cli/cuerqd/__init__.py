"""`cuerqd`: talks straight to the agent of one host."""

from __future__ import annotations

from cue_cli.cuerqd.command import main

__all__ = ["main"]
