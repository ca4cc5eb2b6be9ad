"""Comments on jobs and hosts."""

from __future__ import annotations

from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Comment
from cuebot.queries.units import in_seconds


class CommentRow(NamedTuple):
    """A comment on a job or a host."""

    id: str
    user: str
    subject: str
    message: str
    created_s: int


def comment_row(comment: Comment) -> CommentRow:
    """A comment as a row."""
    return CommentRow(comment.id, comment.user, comment.subject, comment.message, in_seconds(comment.created_us))


def commented(farm: Farm) -> set[str]:
    """Ids of all jobs and hosts that have comments."""
    return {id for comment in farm.comments.values() for id in (comment.job_id, comment.host_id) if id}


def comments_of(farm: Farm, id: str) -> list[CommentRow]:
    """The comments of a job or a host, the oldest first."""
    found = [comment for comment in farm.comments.values() if id in (comment.job_id, comment.host_id)]
    return [comment_row(comment) for comment in sorted(found, key=lambda comment: comment.created_us)]
