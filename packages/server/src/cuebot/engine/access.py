"""May they do that? One question for every command and every read, whichever door they came by.

Asked by `engine.core` for commands, `wire.call` for reads, `web.authorization` for HTTP. Who asks was found out before
(`wire.authentication`, `web.doors`); what is asked for has a name (`domain.actions`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cuebot.domain.actions import Action, Target, actions_of, target_of
from cuebot.domain.commands import Command
from cuebot.domain.errors import Forbidden, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.principals import Principal, Proof

IDS_NAMED: Final = 3
"""Of what somebody may not do something to."""

Authorize = Callable[[Principal, Action, Target, Farm], None]
"""Raises Forbidden, best the one of `forbidden`, where a principal may not do that to the target.

It is asked twice for what an RPC changes: with what the request names before anything is looked up, and with every
command. So it looks nothing up but in the farm, changes nothing, and is quick.
"""


def allow_all(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
    """The policy of a farm without users: whoever was let in may do everything. Nobody need call it."""


def forbidden(principal: Principal, action: Action, target: Target) -> Forbidden:
    """What somebody is told who may not do that."""
    named = ", ".join(target.ids[:IDS_NAMED]) + (", ..." if len(target.ids) > IDS_NAMED else "")
    which = f" to {target.kind} {quoted(named)}" if target.ids else ""
    return Forbidden(f"{principal} may not do {action.name}{which}; it takes the right to {action.right.value}")


def authorize_command(authorize: Authorize, principal: Principal, command: Command, farm: Farm) -> None:
    """Ask for everything that a command does. The server is not asked about its own: without it nothing would go on.

    Raises Forbidden.
    """
    if authorize is allow_all or principal.proof is Proof.SERVER:  # thousands of outcomes come in a second
        return
    target = target_of(command)
    for action in actions_of(command):
        authorize(principal, action, target, farm)
