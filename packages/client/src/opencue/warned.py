"""What the server tells beside an answer, as Python warnings."""

from __future__ import annotations

import warnings
from typing import Any

WARNING = "cuefarm-warning"
"""In the trailing metadata of an answer, once for each warning."""


class CueWarning(UserWarning):
    """Something was done, and is perhaps not all that was wanted."""


def warnOf(metadata: Any) -> None:
    """Issue a CueWarning for each warning in an answer's trailing metadata."""
    for key, value in metadata or ():
        if key == WARNING:
            warnings.warn(value, CueWarning, stacklevel=2)
