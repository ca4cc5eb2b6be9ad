"""How a browser comes in: a link that works once, and the session that it opens. Both are in memory only.

A cookie is sent to every port of its host, and an address may be read by whoever can list processes. So a link, and the
session that it opens, belong to who asked for it: a user of this machine, or else a network address.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cuebot.domain.bounds import Bounds
from cuebot.domain.settings import Settings
from cuebot.domain.units import SECOND

_SECRET_BYTES: Final = 32
_SECRET_CHARACTERS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class _Pass:
    """A link or a session: what it is known by, whose it is, and until when."""

    digest: bytes
    caller: str
    until_s: float


class Sessions:
    """The links and sessions of one server. Secrets are kept as digests and compared in constant time."""

    def __init__(self, settings: Settings, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self.link_s = settings.browser_link_us / SECOND
        self.session_s = settings.browser_session_us / SECOND
        self._bounds = bounds
        self._clock = clock
        self._links: list[_Pass] = []
        self._sessions: list[_Pass] = []

    def new_link(self, caller: str) -> str:
        """The secret of a link for this caller."""
        return self._add(self._links, self._bounds.browser_links, caller, self.link_s)

    def use_link(self, secret: str, caller: str) -> str | None:
        """Use up a link: the id of a new session. None where there is no such link, or it is another's."""
        link = self._find(self._links, secret, caller)
        if link is None:
            return None
        self._links.remove(link)
        return self._add(self._sessions, self._bounds.browser_sessions, caller, self.session_s)

    def has_session(self, id: str, caller: str) -> bool:
        """Whether this is the id of a session of this caller."""
        return self._find(self._sessions, id, caller) is not None

    def _add(self, passes: list[_Pass], most: int, caller: str, seconds: float) -> str:
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        passes.append(_Pass(_digest(secret), caller, self._clock() + seconds))
        del passes[:-most]
        return secret

    def _find(self, passes: list[_Pass], secret: str, caller: str) -> _Pass | None:
        now_s, digest = self._clock(), _digest(secret[:_SECRET_CHARACTERS_MAX])
        passes[:] = [one for one in passes if one.until_s > now_s]
        found = None
        for one in passes:
            if hmac.compare_digest(one.digest, digest) and caller and one.caller == caller:
                found = one
        return found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
