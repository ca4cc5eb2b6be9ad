"""A process that commits a seeded farm step by step and says so, until somebody kills it: `URL SEED`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from journal_farm import Mix

from cuebot.journal import SqlJournal


async def commit_until_killed(url: str, seed: int) -> None:
    """Print the number of the last durable event after every commit."""
    journal, mix = SqlJournal(url), Mix(seed)
    while True:
        batch = mix.until_batch()
        await journal.commit(batch)
        sys.stdout.write(f"{batch.events[-1].seq if batch.events else 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(commit_until_killed(sys.argv[1], int(sys.argv[2])))
