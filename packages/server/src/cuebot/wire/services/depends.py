"""DependInterface."""

from __future__ import annotations

from opencue_proto import depend_pb2

from cuebot.domain import commands as c
from cuebot.queries.depends import depend_row
from cuebot.wire.call import Call
from cuebot.wire.messages.depends import depend_message
from cuebot.wire.services.held_again import before_unsatisfy


class DependInterface:
    """Single depends."""

    def GetDepend(self, request: depend_pb2.DependGetDependRequest, call: Call) -> depend_pb2.DependGetDependResponse:
        """The depend with that id."""
        depend = call.farm.get("depend", request.id)
        return depend_pb2.DependGetDependResponse(depend=depend_message(depend_row(call.farm, depend)))

    async def Satisfy(self, request: depend_pb2.DependSatisfyRequest, call: Call) -> None:
        """Let a depend hold nothing back any more."""
        await call.submit(c.SatisfyDepends((request.depend.id,)))

    async def Unsatisfy(self, request: depend_pb2.DependUnsatisfyRequest, call: Call) -> None:
        """Let a depend hold again."""
        held = before_unsatisfy(call.farm, request.depend.id)
        await call.submit(c.UnsatisfyDepend(request.depend.id))
        held.warn(call)
