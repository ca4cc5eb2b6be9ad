"""Lets `python -m cue_cli.cuecmd` be the command."""

from __future__ import annotations

import sys

from cue_cli.cuecmd import main

sys.exit(main())
