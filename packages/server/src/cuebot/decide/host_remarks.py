"""What the farm itself remarks on hosts, as comments of `system`: lists of hosts and `cuefarm doctor` tell them."""

from __future__ import annotations

from typing import Final

from cuebot.decide.context import Context
from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Comment, Host, stored_values

USER: Final = "system"
CLOSED: Final = "Its agent takes no frames"


def remark(farm: Farm, host: Host, subject: str, text: str, context: Context) -> list[ev.Event]:
    """Say this of a host, in the place of what was said under the same subject; an empty text takes that back."""
    told = [comment for comment in farm.comments.values() if comment.host_id == host.id and is_ours(comment, subject)]
    if text and any(comment.message == text for comment in told):
        return []
    events: list[ev.Event] = [ev.Removed("comment", old.id, stored_values(old)) for old in told]
    if text:
        comment = Comment(context.new_id(), None, host.id, USER, subject, text, context.now_us)
        events.append(ev.Added("comment", stored_values(comment)))
    return events


def is_ours(comment: Comment, subject: str) -> bool:
    """Whether the farm said this, under this subject."""
    return comment.user == USER and comment.subject == subject


def closed_told(farm: Farm, host: Host, closed: str, context: Context) -> list[ev.Event]:
    """What an agent says of its taking no launches, where that has changed or was not heard since the start."""
    if closed == host.closed and host.reported:
        return []
    return remark(farm, host, CLOSED, f"It says: {closed}." if closed else "", context)
