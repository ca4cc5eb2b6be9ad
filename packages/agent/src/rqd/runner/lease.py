"""How long frames run without a server's answer.

What becomes of a run when it lapses: `supervisor/program/kill_rules.c`, `supervisor/stand_in.py`.
"""

from __future__ import annotations


class Lease:
    """Time since the last answered report was *sent*, by the clock that goes on while the machine sleeps.

    Only answered reports count, and not other calls: a report is what lets the server know that we live. A runner that
    starts has no lease: what stands in the books of those before it is all that was granted.
    """

    def __init__(self, seconds: float, now: float) -> None:
        self.seconds = seconds
        self.answered_report_sent_at = now - seconds
        self._began_at = now

    def renew(self, sent_at: float) -> None:
        """A report that was sent at this moment has been answered."""
        self.answered_report_sent_at = max(self.answered_report_sent_at, sent_at)

    def has_lapsed(self, now: float) -> bool:
        """Say whether frames may no longer run."""
        return self.remaining(now) <= 0

    def remaining(self, now: float) -> float:
        """Seconds until it lapses; negative afterwards."""
        return self.answered_report_sent_at + self.seconds - now

    def silence(self, now: float) -> float:
        """Seconds since a server was known to be there, or since we are."""
        return now - max(self.answered_report_sent_at, self._began_at)
