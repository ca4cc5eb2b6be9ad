"""Which agents were refused lately, and which came in without a token: for the log, `cueadmin -lh` and `doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote

import structlog

from cuebot.domain.errors import quoted

log = structlog.get_logger("doors")

HOST_KEY: Final = "cuefarm-host"
"""Metadata in which our agents say what their host is called, percent-encoded."""
AGENTS_KEPT_MAX: Final = 100
NAMES_OF_AN_ADDRESS_MAX: Final = 10
"""Whoever calls under ever other names from one machine must not push out real ones: further names are only counted."""
NAMES_COUNTED_MAX: Final = 1_000
NAME_STEADY_SECONDS: Final = 900.0
"""A real agent tries again within this; the place of a name that does not goes to the next one."""
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


@dataclass(slots=True)
class _FurtherNames:
    """What was refused from an address that has all the names that are kept of one."""

    address: str
    why: Refusal
    last_s: float
    count: int = 0
    names: set[int] = field(default_factory=set)
    """Their hashes."""

    def as_agent(self) -> RefusedAgent:
        number = f"{len(self.names)}{'+' if len(self.names) >= NAMES_COUNTED_MAX else ''}"
        detail = f"and {number} more {'name' if number == '1' else 'names'}"
        return RefusedAgent(self.address, detail, self.why, self.count, self.last_s)


class DoorBook:
    """The newest agents that were refused, and those without a token that an open door let in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._refused: dict[tuple[str, str, str], RefusedAgent] = {}
        """By address, name, and which agent of that name."""
        self._further: dict[str, _FurtherNames] = {}
        """By machine, those whose last call is newest last."""
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
        if key in self._refused or self._has_place(address, now_s):
            before = self._refused.pop(key, None)  # the newest stand last
            if now_s - self._heard_s.get(key[:2], -BESIDE_SECONDS) < BESIDE_SECONDS:
                self._beside_another.add(key)
            count = before.count + 1 if before else 1
            self._refused[key] = RefusedAgent(*key[:2], why, count, now_s)
            if len(self._refused) > AGENTS_KEPT_MAX:
                del self._refused[next(iter(self._refused))]
            self._beside_another &= self._refused.keys()
        else:
            self._count_further(*key[:2], why, now_s)
        if self._is_to_be_told(address, name[:NAME_CHARACTERS], now_s):
            log.warning("an agent was refused", address=address, host=quoted(name), why=why.value)

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
        self._forget_further(*key)

    def refused(self) -> list[RefusedAgent]:
        """Those of the last day, the newest first."""
        since_s = self.clock() - FORGOTTEN_SECONDS
        agents = [*self._refused.values(), *(further.as_agent() for further in self._further.values())]
        agents.sort(key=lambda agent: agent.last_s)  # of one moment, those that are only counted come first
        return [agent for agent in reversed(agents) if agent.last_s >= since_s]

    def _is_to_be_told(self, address: str, name: str, now_s: float) -> bool:
        """Whether the log says it. One address under ever other names gets only so many lines a minute."""
        self._told_s = {key: told_s for key, told_s in self._told_s.items() if now_s - told_s < TOLD_SECONDS}
        alike = sum(machine_of(told_address) == machine_of(address) for told_address, _ in self._told_s)
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

    def _has_place(self, address: str, now_s: float) -> bool:
        """Whether another name of an address can be kept, maybe in the place of one that tries no more."""
        machine = machine_of(address)
        alike = [key for key in self._refused if machine_of(key[0]) == machine]
        if len(alike) < NAMES_OF_AN_ADDRESS_MAX:
            return True
        if now_s - self._refused[alike[0]].last_s < NAME_STEADY_SECONDS:
            return False
        del self._refused[alike[0]]
        return True

    def _forget_further(self, address: str, name: str) -> None:
        further = self._further.get(machine_of(address))
        if further is not None:
            further.names.discard(hash(name))
            if not further.names:
                del self._further[machine_of(address)]

    def _count_further(self, address: str, name: str, why: Refusal, now_s: float) -> None:
        machine = machine_of(address)
        further = self._further.pop(machine, None) or _FurtherNames(address, why, now_s)
        self._further[machine] = further
        further.address, further.why, further.last_s = address, why, now_s
        further.count += 1
        if len(further.names) < NAMES_COUNTED_MAX:
            further.names.add(hash(name))
        if len(self._further) > AGENTS_KEPT_MAX // NAMES_OF_AN_ADDRESS_MAX:
            del self._further[next(iter(self._further))]


def name_in(metadata: Any) -> str:
    """What an agent's call says that its host is called, made fit to be shown."""
    given = next((value for key, value in metadata or () if key == HOST_KEY), "")
    return quoted(unquote(str(given)[: 3 * NAME_CHARACTERS])[:NAME_CHARACTERS])


def machine_of(address: str) -> str:
    """Whose an address is, as far as it can be known: any account of this machine may call from all of 127.0.0.0/8."""
    return "loopback" if address.startswith("127.") or address == "::1" else address


def _make_room(kept: dict[Any, Any], address: str) -> None:
    """Drop the oldest of an address that has too many, then the oldest of all."""
    alike = [key for key in kept if key[0] == address]
    for key in alike[:-NAMES_OF_AN_ADDRESS_MAX]:
        del kept[key]
    while len(kept) > AGENTS_KEPT_MAX:
        del kept[next(iter(kept))]
