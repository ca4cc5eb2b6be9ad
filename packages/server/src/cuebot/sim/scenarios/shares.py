"""What shows get of what their share entitles them to, while they want more than they have.

A show is owed its size's part of all sizes, of the cores that are up, for as long as it has frames waiting. That is the
least: shows that want nothing leave their part to the others. What it is owed less what it truly held since it began to
want is how far it is behind; divided by what it is owed each second that is a time. A show that is never further behind
than L has every frame wait for the show's own work before it, done at its share's pace, and L: its waits are bounded by
its share.
"""

from __future__ import annotations

from dataclasses import dataclass

from cuebot.sim.scenarios.scenario import Scenario


@dataclass(slots=True)
class Account:
    """One show: core units over microseconds, but for what says otherwise."""

    part: float
    """Of all sizes."""
    most: float
    """Core units that it may hold at all."""
    wanted: bool = False
    """It had frames waiting at the last look."""
    busy_before: int = 0
    owed: float = 0.0
    received: float = 0.0
    owed_now: float = 0.0
    """Since it began to want more."""
    received_now: float = 0.0
    behind_us: float = 0.0
    """The furthest that it was behind."""
    empty_since_us: int | None = None
    """Since when it has work and holds nothing."""
    first_core_us: int = 0
    """The longest that it had work and held nothing."""


class ShareWatch:
    """The accounts of all shows."""

    def __init__(self, scenario: Scenario, start_us: int) -> None:
        sizes = sum(show.size for show in scenario.shows) or 1
        self.of = {
            show.name: Account(part=show.size / sizes, most=sum(share.burst for share in show.shares))
            for show in scenario.shows
        }
        self._last_us, self._bookable_before = start_us, 0

    def look(self, now_us: int, bookable: int, busy: dict[str, int], waiting: dict[str, int]) -> None:
        """Settle the time since the last look. `bookable` and `busy` are integrals, `waiting` frames."""
        elapsed_us = now_us - self._last_us
        if not elapsed_us:
            return
        cores = (bookable - self._bookable_before) / elapsed_us
        for show, account in self.of.items():
            received = busy[show] - account.busy_before
            account.busy_before = busy[show]
            if account.wanted and waiting[show]:
                pace = min(account.part * cores, account.most)
                account.owed += pace * elapsed_us
                account.received += received
                account.owed_now += pace * elapsed_us
                account.received_now += received
                if pace:
                    account.behind_us = max(account.behind_us, (account.owed_now - account.received_now) / pace)
            else:
                account.owed_now = account.received_now = 0.0
            account.wanted = bool(waiting[show])
        self._last_us, self._bookable_before = now_us, bookable

    def came(self, show: str, held: int, now_us: int) -> None:
        """Work comes to a show that holds so many core units."""
        account = self.of[show]
        if not held and account.empty_since_us is None:
            account.empty_since_us = now_us

    def started(self, show: str, now_us: int) -> None:
        """A frame of a show starts."""
        account = self.of[show]
        if account.empty_since_us is not None:
            account.first_core_us = max(account.first_core_us, now_us - account.empty_since_us)
            account.empty_since_us = None
