"""The words that travel with a kill, to the host and into the frame's log."""

from __future__ import annotations

from urllib.parse import unquote

from cuebot.domain.errors import quoted
from cuebot.wire.call import USER_KEY, Call
from cuebot.wire.requests import OfKill


def change_message(call: Call, reason: str) -> str:
    """Who has runs ended by another request than a kill, which has no field for it: `by ann: eaten`."""
    user = unquote(call.metadata(USER_KEY))
    return f"by {quoted(user)}: {reason}" if user else reason


def kill_message(request: OfKill, default: str) -> str:
    """Who kills and why, from the fields that kill requests have: `by ann on desk (pid 7): cueadmin -kill`.

    `default` stands for a reason that is not given; of what is not known nothing is said.
    """
    who = []
    if request.username:
        who.append(f"by {quoted(request.username)}")
    if request.host_kill:
        who.append(f"on {quoted(request.host_kill)}")
    if request.pid:
        who.append(f"(pid {quoted(request.pid)})")
    reason = " ".join(request.reason.split())[:400] or default
    return f"{' '.join(who)}: {reason}" if who else reason
