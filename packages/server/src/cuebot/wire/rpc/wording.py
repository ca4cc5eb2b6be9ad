"""The words that travel with a kill, to the host and into the frame's log."""

from __future__ import annotations

from typing import Any

from cuebot.domain.errors import shown


def kill_message(request: Any, deed: str) -> str:
    """Who kills and why, from the fields that kill requests have; `deed` stands for a reason that is not given."""
    parts = [
        f"{name}: {shown(value)}"
        for name, value in (("User", request.username), ("Pid", request.pid), ("Hostname", request.host_kill))
        if value
    ]
    reason = " ".join(request.reason.split())[:400]
    return ", ".join([*parts, f"Reason: {reason or deed}"])
