"""CueInterface: what clients probe a server with."""

from __future__ import annotations

from opencue_proto import cue_pb2

from cuebot.wire.call import Call


class CueInterface:
    """The server itself."""

    def GetSystemStats(
        self, request: cue_pb2.CueGetSystemStatsRequest, call: Call
    ) -> cue_pb2.CueGetSystemStatsResponse:
        """What the server has done since it started. What speaks of thread pools stays 0: it has none."""
        core = call.engine.core
        counters = core.counters
        stats = cue_pb2.SystemStats(
            dispatch_waiting=len(core.dispatch.launching),
            dispatch_remaining_capacity=core.dispatch.room(),
            dispatch_executed=counters.booked,
            booking_executed=counters.plans,
            manage_executed=counters.commands,
            manage_rejected=counters.refused,
            report_executed=counters.ended,
            req_for_function=counters.commands,
            req_errors=counters.refused,
            booked_procs=counters.booked,
            unbooked_procs=counters.ended,
            cleared_procs=counters.launches_refused,
        )
        return cue_pb2.CueGetSystemStatsResponse(stats=stats)
