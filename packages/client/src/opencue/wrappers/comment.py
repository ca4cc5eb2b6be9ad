"""Comments on jobs and hosts."""

from __future__ import annotations

from opencue_proto import comment_pb2

from opencue.caller import userName
from opencue.changed import Changed
from opencue.wrappers.entity import Entity, Getter, getter

SUBJECT_LENGTH_MAX = 40


class Comment(Entity):
    """A remark that somebody left."""

    _service = "comment"
    _message = comment_pb2.Comment

    def delete(self) -> Changed:
        """Remove the comment."""
        return self._change("Delete")

    def save(self) -> Changed:
        """Send the subject and message that were set."""
        return self._change("Save")

    def setMessage(self, message: str) -> None:
        """Change the message in this snapshot; `save` sends it."""
        self.data.message = message

    def setSubject(self, subject: str) -> None:
        """Change the subject in this snapshot; `save` sends it."""
        self.data.subject = subject

    id: Getter = getter("id", "UUID of the comment.")
    message: Getter = getter("message", "What was said.")
    subject: Getter = getter("subject", "What it is about.")
    user: Getter = getter("user", "Who said it.")
    timestamp: Getter = getter("timestamp", "When, in seconds since 1970.")


def newComment(subject: str, message: str = "") -> comment_pb2.Comment:
    """Return the message of a new comment by this process's user.

    With one argument that is the message, and its first words become the subject.
    """
    if not message:
        subject, message = _shortened(subject), subject
    return comment_pb2.Comment(user=userName(), subject=subject, message=message or " ", timestamp=0)


def _shortened(text: str) -> str:
    first_line = text.strip().splitlines()[0] if text.strip() else ""
    if len(first_line) <= SUBJECT_LENGTH_MAX:
        return first_line
    return first_line[: SUBJECT_LENGTH_MAX - 3].rstrip() + "..."
