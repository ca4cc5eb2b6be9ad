"""Comments as messages, and who has some."""

from __future__ import annotations

from opencue_proto import comment_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Comment
from cuebot.wire.values import time_s


def comment_message(comment: Comment) -> comment_pb2.Comment:
    """A comment."""
    return comment_pb2.Comment(
        id=comment.id,
        timestamp=time_s(comment.created_us),
        user=comment.user,
        subject=comment.subject,
        message=comment.message,
    )


def commented(farm: Farm) -> set[str]:
    """Ids of all jobs and hosts that have comments."""
    return {id for comment in farm.comments.values() for id in (comment.job_id, comment.host_id) if id}


def comments_of(farm: Farm, id: str) -> list[Comment]:
    """The comments of a job or a host, the oldest first."""
    found = [comment for comment in farm.comments.values() if id in (comment.job_id, comment.host_id)]
    return sorted(found, key=lambda comment: comment.created_us)
