"""Lets `python -m cue_cli.cuerqd` be the command."""

from __future__ import annotations

import sys

from cue_cli.cuerqd import main

sys.exit(main())
