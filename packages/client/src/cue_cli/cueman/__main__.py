"""Lets `python -m cue_cli.cueman` be the command."""

from __future__ import annotations

import sys

from cue_cli.cueman import main

sys.exit(main())
