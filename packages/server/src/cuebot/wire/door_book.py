"""Which agents were refused lately, and which came in without a token: for the log, `cueadmin -lh` and `doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote

import structlog

from cuebot.domain.errors import shown

log = structlog.get_logger("doors")

HOST_KEY: Final = "cuefarm-host"
"""Metadata in which our agents say what their host is called, percent-encoded."""
AGENTS_KEPT_MAX: Final = 100
NAMES_OF_AN_ADDRESS_MAX: Final = 10
"""Whoever calls under ever other names from one address must not push all others out."""
NAME_CHARACTERS: Final = 255
TOLD_SECONDS: Final = 60.0
"""The log says so often that an agent is refused."""
BESIDE_SECONDS: Final = 15.0
"""An agent that is let in reports more often."""
TRIES_SECONDS: Final = 60.0
"""One that is not tries again more often, as long as it runs."""
HEARD_KEPT_MAX: Final = 20_000
FORGOTTEN_SECONDS: Final = 24 * 3600.0


class Refusal(Enum):
    """Why an agent was not let in."""

    NO_TOKEN = "it sends no token"
    WRONG_TOKEN = "its token is not the server's"
    NAME_TAKEN = "another agent has its name"


@dataclass(slots=True)
class RefusedAgent:
    """An agent, as far as one that is not let in is known."""

    address: str
    name: str
    """What it says that its host is called; empty where it does not say."""
    why: Refusal
    count: int
    last_s: float
    """By the book's clock."""


class DoorBook:
    """The newest agents that were refused, and those without a token that an open door let in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._refused: dict[tuple[str, str, str], RefusedAgent] = {}
        """By address, name, and which agent of that name."""
        self._beside_another: set[tuple[str, str, str]] = set()
        """Of these, those refused while another of their name and address reported."""
        self._heard_s: dict[tuple[str, str], float] = {}
        """When one of an address and name was last listened to."""
        self._without_token: dict[tuple[str, str], float] = {}
        self._told_s: dict[tuple[str, str], float] = {}

    def refused_agent(self, address: str, name: str, why: Refusal, agent: str = "") -> None:
        """An agent was refused. The log says it once a minute for each address and name.

        `agent` tells those of one name at one address apart, as far as they say who they are.
        """
        now_s = self.clock()
        key = (address, name[:NAME_CHARACTERS], agent)
        before = self._refused.pop(key, None)  # the newest stand last
        if now_s - self._heard_s.get(key[:2], -BESIDE_SECONDS) < BESIDE_SECONDS:
            self._beside_another.add(key)
        self._beside_another &= {*self._refused, key}
        count = before.count + 1 if before else 1
        self._refused[key] = RefusedAgent(address, name[:NAME_CHARACTERS], why, count, now_s)
        _make_room(self._refused, address)
        if self._is_to_be_told(address, name[:NAME_CHARACTERS], now_s):
            log.warning("an agent was refused", address=address, host=shown(name), why=why.value)

    def let_in_without_token(self, address: str, name: str) -> None:
        """An agent without a token came in by the open door."""
        key = (address, name[:NAME_CHARACTERS])
        self._without_token.pop(key, None)
        self._without_token[key] = self.clock()
        _make_room(self._without_token, address)

    def welcome(self, address: str, name: str, agent: str = "") -> None:
        """An agent reports and is listened to: what it was refused for has been mended.

        At the door nobody says which agent of a name they are. One that was refused while another of its name and
        address was listened to stands until it has been silent for a while.
        """
        now_s, key = self.clock(), (address, name[:NAME_CHARACTERS])
        self._heard_s.pop(key, None)
        self._heard_s[key] = now_s
        if len(self._heard_s) > HEARD_KEPT_MAX:
            del self._heard_s[next(iter(self._heard_s))]
        self._refused.pop((*key, agent), None)
        at_the_door = self._refused.get((*key, ""))
        if at_the_door and ((*key, "") not in self._beside_another or now_s - at_the_door.last_s >= TRIES_SECONDS):
            del self._refused[*key, ""]

    def refused(self) -> list[RefusedAgent]:
        """Those of the last day, the newest first."""
        since_s = self.clock() - FORGOTTEN_SECONDS
        return [agent for agent in reversed(self._refused.values()) if agent.last_s >= since_s]

    def _is_to_be_told(self, address: str, name: str, now_s: float) -> bool:
        """Whether the log says it. One address under ever other names gets only so many lines a minute."""
        self._told_s = {key: told_s for key, told_s in self._told_s.items() if now_s - told_s < TOLD_SECONDS}
        alike = sum(told_address == address for told_address, _ in self._told_s)
        if (address, name) in self._told_s or alike >= NAMES_OF_AN_ADDRESS_MAX:
            return False
        if len(self._told_s) >= AGENTS_KEPT_MAX:
            del self._told_s[next(iter(self._told_s))]
        self._told_s[address, name] = now_s
        return True

    def without_token(self) -> list[tuple[str, str]]:
        """Address and name of agents that an open door let in, the newest first."""
        since_s = self.clock() - FORGOTTEN_SECONDS
        return [key for key, last_s in reversed(self._without_token.items()) if last_s >= since_s]


def name_in(metadata: Any) -> str:
    """What an agent's call says that its host is called, made fit to be shown."""
    given = next((value for key, value in metadata or () if key == HOST_KEY), "")
    return shown(unquote(str(given)[: 3 * NAME_CHARACTERS])[:NAME_CHARACTERS])


def _make_room(kept: dict[Any, Any], address: str) -> None:
    """Drop the oldest of an address that has too many, then the oldest of all."""
    alike = [key for key in kept if key[0] == address]
    for key in alike[:-NAMES_OF_AN_ADDRESS_MAX]:
        del kept[key]
    while len(kept) > AGENTS_KEPT_MAX:
        del kept[next(iter(kept))]
