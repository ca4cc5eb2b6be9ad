"""What the log says when no server answered for as long as the lease: what becomes of frames then, and how long."""

from __future__ import annotations

from rqd import log

_THEN = {
    "suspend": (
        "1 frame stands still until one does",
        "{count} frames stand still until one does",
    ),
    "kill": (
        "1 frame is ended (--on-lost-contact kill)",
        "{count} frames are ended (--on-lost-contact kill)",
    ),
    "continue": (
        "1 frame goes on without one (--on-lost-contact continue)",
        "{count} frames go on without one (--on-lost-contact continue)",
    ),
}


class LostContact:
    """Says once that contact is lost, and once that it is back."""

    def __init__(self, policy: str, lease_seconds: float) -> None:
        self._then = _THEN[policy]
        self._lease_seconds = lease_seconds
        self._is_told = False

    def look(self, now: float, lease_until: float, live: int) -> None:
        """See whether the lease that the books have is over, by the clock that it is counted by."""
        if self._is_told or not live or now < lease_until:
            return
        self._is_told = True
        silent_s = now - lease_until + self._lease_seconds
        log.warning(f"no server answered for {silent_s:.0f} s: {_counted(live, *self._then)}")

    def regained(self, go_on: int, ended: int) -> None:
        """A server has said which frames go on, and which are over."""
        if not self._is_told:
            return
        self._is_told = False
        detail = _counted(go_on, "1 frame goes on", "{count} frames go on")
        log.info(f"a server answers again: {detail}, {_counted(ended, '1 is ended', '{count} are ended')}")


def _counted(count: int, one: str, several: str) -> str:
    return one if count == 1 else several.format(count=count)
