"""`cueadmin`: look at the farm and run it, from a terminal or a script."""

from cue_cli.cueadmin.run import main

__all__ = ["main"]
