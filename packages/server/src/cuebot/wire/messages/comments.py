"""Comments as messages."""

from __future__ import annotations

from collections.abc import Iterable

from opencue_proto import comment_pb2

from cuebot.queries.comments import CommentRow
from cuebot.wire.values import time32


def comment_message(row: CommentRow) -> comment_pb2.Comment:
    """A comment."""
    return comment_pb2.Comment(
        id=row.id,
        timestamp=time32(row.created_s),
        user=row.user,
        subject=row.subject,
        message=row.message,
    )


def comment_seq(rows: Iterable[CommentRow]) -> comment_pb2.CommentSeq:
    """Comments as a message."""
    return comment_pb2.CommentSeq(comments=[comment_message(row) for row in rows])
