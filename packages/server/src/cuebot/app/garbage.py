"""Full garbage collections that never hold the loop for long.

Python goes through all its objects once a quarter more of them have come. On a farm with ten thousand layers that is
50 ms in which nobody is answered, and nearly all of these objects stay for days. So what survives a full collection is
frozen: the next one goes through what has come since. Reference counts free frozen objects as ever; only a cycle that
was frozen while in use and is dropped later stays for good, and of those there are few.
"""

from __future__ import annotations

import gc
from typing import Any


def freeze_survivors() -> None:
    """Freeze what there is, and from now on whatever survives a full collection."""
    gc.freeze()
    if _freeze_after_full not in gc.callbacks:
        gc.callbacks.append(_freeze_after_full)


def _freeze_after_full(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()
