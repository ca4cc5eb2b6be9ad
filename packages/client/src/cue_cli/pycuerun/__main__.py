"""Lets `python -m cue_cli.pycuerun` be the command."""

from __future__ import annotations

import sys

from cue_cli.pycuerun import main

sys.exit(main())
