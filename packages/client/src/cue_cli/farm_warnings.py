"""What the server warns of, as a command prints it: one plain line each."""

from __future__ import annotations

import sys
import warnings
from typing import Any

_CATEGORY = "FarmWarning"
"""By its name: the `opencue` that is installed may be another one, which has none."""

_show = warnings.showwarning


def showPlainly() -> None:
    """Print farm warnings without the place in the code where they arose: whoever typed a line has no use for it."""
    warnings.showwarning = _showWarning


def _showWarning(message: Any, category: Any, *place: Any, **more: Any) -> None:
    if category.__name__ == _CATEGORY:
        sys.stderr.write(f"warning: {message}\n")
    else:
        _show(message, category, *place, **more)
