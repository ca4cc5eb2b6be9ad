"""Lets `python -m cue_cli.cuesubmit` be the command."""

from __future__ import annotations

import sys

from cue_cli.cuesubmit import main

sys.exit(main())
