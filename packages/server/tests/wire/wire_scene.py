"""A job whose runs end as a test says, with the questions about what was."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cuebot.domain.states import FrameState
from cuefarm_proto import farm_pb2


class Scene:
    """A job of one layer on one host whose runs end as the test says."""

    def __init__(self, site: Any, agent: Any, tools: Any, job: Any) -> None:
        self.site, self.agent, self.tools, self.job = site, agent, tools, job

    @property
    def layer(self) -> Any:
        """The layer, in the farm."""
        return next(iter(self.site.farm.layers_of(self.site.farm.jobs[self.job.id])))

    async def launched(self, count: int = 1) -> list[Any]:
        """Wait until so many runs are on the host, and return them: after a fault of the farm there is a pause."""
        await self.tools.until(lambda: len(self.agent.runs) >= count, 20.0)
        return list(self.agent.runs.values())

    async def fail(self, run: Any, **told: Any) -> None:
        """End a run with exit status 1, unless told otherwise."""
        await self.agent.complete(run, **{"exit_status": 1, **told})

    async def fail_all(self, **told: Any) -> None:
        """End every run that is started with exit status 1, until none is left to start."""
        while sum(self.layer.counts[state] for state in (FrameState.WAITING, FrameState.RUNNING)):
            for run in list(self.agent.runs.values()):
                await self.fail(run, **told)
            await asyncio.sleep(0.01)

    async def runs(self, **fields: Any) -> Any:
        """Ask for runs of the job."""
        return await self.site.farm_interface.GetRuns(farm_pb2.GetRunsRequest(**{"job": self.job.name, **fields}))

    async def failures(self, **fields: Any) -> Any:
        """Ask what went wrong."""
        request = farm_pb2.GetFailuresRequest(**{"job": self.job.name, **fields})
        return await self.site.farm_interface.GetFailures(request)

    async def log(self, **fields: Any) -> Any:
        """Read a log of frame 1."""
        named = {} if "run_id" in fields else {"layer": "beauty", "frame": "1"}
        request = farm_pb2.ReadLogRequest(**{"job": self.job.name, **named, **fields})
        return await self.site.farm_interface.ReadLog(request)


def write_log(run: Any, text: str, name: str = "", folder: str = "") -> Path:
    """Write a run's log as our agent does, with its header; returns the file."""
    path = Path(folder or run.log_dir) / (name or f"{run.job_name}.{run.frame_name}.rqlog")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ("command              true", f"runId                {run.resource_id}", "env                  A=b")
    path.write_text("=====\nRenderQ JobSpec      now\n" + "\n".join(rows) + f"\n=====\n{text}")
    return path
