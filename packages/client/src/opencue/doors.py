"""Who a server lets in, and which agents it refused. `getDoors` is also in `opencue.api`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opencue.rpc import call

SYSTEM_USER = "system"
"""Whose comments are the farm's own."""
_ONE_NAME = "Two agents under one name"


def is_told_of(host: Any, comment: Any, rivals: Collection[str]) -> bool:
    """Whether a comment on a host says what the refusal of an agent says that has its name too.

    `rivals` are the names of agents that are listed as refused for that.
    """
    if comment.user() != SYSTEM_USER or comment.subject() != _ONE_NAME:
        return False
    return any(host.name() in (name, name.partition(".")[0]) for name in rivals)


def getDoors() -> Any:
    """Return who the server lets in without its token, and which agents it refused, as a cuefarm.v1 GetDoorsResponse.

    `opened` names who comes in from wherever ("clients", "agents"), `address` is where the server listens. `refused`
    has the agents that were refused within a day, the newest first: their `address` and `name` (empty where they do not
    say it), `code` (NO_TOKEN, WRONG_TOKEN, NAME_TAKEN), `why` and `remedy` in words, `count`, and `last_s`, seconds
    since the last time. `without_token` has those that an open door let in. An agent that was refused and then reports
    is in neither. Raises NotOfferedException where the server is not a cuefarm.
    """
    return call("farm", "GetDoors")
