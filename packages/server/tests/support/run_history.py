"""Ended runs in memory, found among events: stands for the database's in tests and simulated farms."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cuebot.domain.events import RunEnded
from cuebot.domain.states import FrameState
from cuebot.domain.units import Micros
from cuebot.engine.ports import EndedRun, FoundEvents, Recorded, RunQuery


class MemoryRunHistory:
    """Satisfies `engine.ports.RunHistory`; `recorded` gives all events that were committed, in order."""

    def __init__(self, recorded: Callable[[], Iterable[Recorded]]) -> None:
        self._recorded = recorded

    def runs(self, query: RunQuery, limit: int) -> list[EndedRun]:
        """At most `limit` runs, newest first."""
        ended = [_ended_run(r, r.event) for r in self._recorded() if isinstance(r.event, RunEnded)]
        return [run for run in reversed(ended) if _fits(run, query)][:limit]


def _fits(run: EndedRun, query: RunQuery) -> bool:
    return (
        run.job_id == query.job_id
        and query.layer_id in ("", run.layer_id)
        and query.frame_index in (None, run.frame_index)
        and query.run_id in ("", run.run_id)
        and query.attempt in (0, run.attempt)
        and (not query.causes or run.cause in query.causes)
        and (not query.states or run.state in query.states)
        and not (query.unsuccessful and run.state is FrameState.SUCCEEDED)
        and run.ended_us >= query.ended_since_us
        and (not query.before_seq or run.seq < query.before_seq)
    )


def _ended_run(recorded: Recorded, event: RunEnded) -> EndedRun:
    return EndedRun(
        seq=recorded.seq,
        run_id=event.run_id,
        job_id=event.job_id,
        layer_id=event.layer_id,
        frame_index=event.index,
        frame_number=event.number,
        host_id=event.host_id,
        booked_us=event.booked_us,
        ended_us=Micros(recorded.at_us),
        run_us=event.run_us,
        cores=event.cores,
        memory=event.memory,
        max_rss=event.max_rss,
        exit_status=event.exit_status,
        exit_signal=event.exit_signal,
        cause=event.cause,
        state=event.state,
        attempt=event.attempt,
        message=event.message,
        error_line=event.error_line,
        log_name=event.log_name,
    )


class MemoryFarmHistory:
    """Satisfies `engine.ports.FarmHistory`; `recorded` gives all events that were committed, in order."""

    def __init__(self, recorded: Callable[[], Iterable[Recorded]]) -> None:
        self._recorded = recorded
        self.sums: list[bytes] = []

    def host_events(self, since_us: int, until_us: int, looks: int) -> FoundEvents:
        """Events in which a host was added, changed or removed, the newest first."""
        events = [one for one in self._recorded() if since_us <= one.at_us <= (until_us or one.at_us)]
        of_hosts = [one for one in events[-looks:] if getattr(one.event, "kind", "") == "host"]
        return FoundEvents(of_hosts[::-1], is_all=len(events) <= looks)

    def farm_sums(self, since_us: int, until_us: int, interval_us: int, limit: int) -> list[bytes]:
        """What it was given."""
        return self.sums[-limit:]
