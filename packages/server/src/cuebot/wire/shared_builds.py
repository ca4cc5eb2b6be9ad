"""Identical questions that wait together are answered together: twenty who ask for one list cost one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class _Build:
    task: asyncio.Task[Any] | None = None
    has_begun: bool = False
    askers: int = 0


class SharedBuilds:
    """Builds that have not begun can be joined. One that has begun cannot: it may have looked too early.

    So whoever changed something and then asks, sees what he changed.
    """

    def __init__(self) -> None:
        self._latest: dict[Hashable, _Build] = {}
        self.builds = 0
        """How many have begun so far."""

    async def ask(
        self, question: Hashable, turn: Callable[[], Awaitable[None]], build: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """The answer to a question, built after this call. `turn` returns when building may begin."""
        joined = self._latest.get(question)
        if joined is None or joined.has_begun:
            earlier = None if joined is None else joined.task
            joined = self._latest[question] = _Build()
            joined.task = asyncio.ensure_future(self._run(question, joined, earlier, turn, build))
        assert joined.task is not None
        joined.askers += 1
        try:
            answer: Answer = await asyncio.shield(joined.task)
            return answer
        finally:
            joined.askers -= 1
            if not joined.askers and not joined.task.done():  # nobody wants it any more
                joined.task.cancel()
                self._forget(question, joined)

    async def _run(
        self,
        question: Hashable,
        this: _Build,
        earlier: asyncio.Task[Any] | None,
        turn: Callable[[], Awaitable[None]],
        build: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        try:
            if earlier is not None:  # one at a time: whoever comes meanwhile joins this one
                await asyncio.wait([earlier])
            await turn()
            this.has_begun = True
            self.builds += 1
            return await build()
        finally:
            self._forget(question, this)

    def _forget(self, question: Hashable, build: _Build) -> None:
        if self._latest.get(question) is build:
            del self._latest[question]
