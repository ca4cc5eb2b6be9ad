"""What one server does for its clients' calls beside answering them: whose turn it is, and what is kept for many."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from cuebot.engine.engine import Engine
from cuebot.wire.calls_under_way import CallsUnderWay
from cuebot.wire.hang_up import hang_up
from cuebot.wire.loop_share import LoopShare
from cuebot.wire.rows import KeptRows
from cuebot.wire.shared_builds import SharedBuilds

READ_PREFIXES: Final = ("Get", "Find", "Is", "Explain", "Read")
"""How the names of methods begin that only look."""
READS_SHARE: Final = 0.3
"""Of the loop, for single things, while the farm works. A person who looks at one job never notices it; a script that
asks for thousands gets some 1,500 a second."""
LISTS_SHARE: Final = 0.15
"""Of the loop, for long lists, while the farm works. They are to take at most a fifth of the server's CPU, and some of
that is not the loop's: gRPC's own threads write what does not fit the socket."""
READ_SECONDS: Final = 0.000_15
"""What a call costs the loop besides its method: gRPC's own work."""
SEND_SECONDS_PER_BYTE: Final = 1.2e-9
"""What a reply costs the loop: gRPC copies it there and begins to write it. 1.2 MB take 1.5 ms of CPU."""
LARGE_BYTES: Final = 64 * 1024
"""A smaller reply fits the window that every client opens, and is gone at once."""
UNCOUNTED: Final = frozenset({"FarmInterface.ReadLog", "FarmInterface.GetEvents"})
"""Wait for what comes next, with limits of their own (`log_followers`, `feed_subscribers`)."""


class Traffic:
    """One server's. `calls` bounds each caller; `reads` and `lists` are the loop's time; the rest spares it."""

    def __init__(self, engine: Engine) -> None:
        self.bounds = engine.core.bounds
        self.calls = CallsUnderWay(self.bounds)
        self.reads = LoopShare(READS_SHARE, lambda: engine.farm.change)
        self.lists = LoopShare(LISTS_SHARE, lambda: engine.farm.change)
        self.rows = KeptRows(engine.farm, self.bounds.kept_rows)
        self.builds = SharedBuilds()

    async def begin_reply(self, caller: str, reply_bytes: int, context: Any) -> None:
        """Return when a large reply may be sent. Its caller is hung up on if he does not read it."""
        await self.calls.begin_reply(caller, reply_bytes)
        context.add_done_callback(lambda _: self.calls.end_reply(caller, reply_bytes))
        await self.lists.turn(caller)
        self.lists.spend(reply_bytes * SEND_SECONDS_PER_BYTE)
        unread = asyncio.get_running_loop().call_later(
            self.bounds.reply_seconds, hang_up, context.peer(), "it did not read its reply"
        )
        context.add_done_callback(lambda _: unread.cancel())


def is_read(rpc: str) -> bool:
    """Whether a method, `JobInterface.GetJobs`, only looks."""
    return rpc.partition(".")[2].startswith(READ_PREFIXES)
