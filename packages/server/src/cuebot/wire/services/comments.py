"""CommentInterface."""

from __future__ import annotations

from opencue_proto import comment_pb2

from cuebot.domain import commands as c
from cuebot.wire.call import Call


class CommentInterface:
    """Single comments."""

    async def Save(self, request: comment_pb2.CommentSaveRequest, call: Call) -> None:
        """Change a comment's subject and message."""
        comment = request.comment
        await call.submit(c.Change("comment", comment.id, {"subject": comment.subject, "message": comment.message}))

    async def Delete(self, request: comment_pb2.CommentDeleteRequest, call: Call) -> None:
        """Remove a comment."""
        await call.submit(c.Delete("comment", request.comment.id))
