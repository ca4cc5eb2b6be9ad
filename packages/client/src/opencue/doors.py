"""Who a server lets in, and which agents it refused. `getDoors` is also in `opencue.api`."""

from __future__ import annotations

from typing import Any

from opencue.rpc import call


def getDoors() -> Any:
    """Return who the server lets in without its token, and which agents it refused, as a cuefarm.v1 GetDoorsResponse.

    `opened` names who comes in from wherever ("clients", "agents"), `address` is where the server listens. `refused`
    has the agents that were refused within a day, the newest first: their `address` and `name` (empty where they do not
    say it), `code` (NO_TOKEN, WRONG_TOKEN, NAME_TAKEN), `why` and `remedy` in words, `count`, and `last_s`, seconds
    since the last time. `without_token` has those that an open door let in. An agent that was refused and then reports
    is in neither. Raises NotOfferedException where the server is not a cuefarm.
    """
    return call("farm", "GetDoors")
