"""LimitInterface."""

from __future__ import annotations

from typing import Any

from opencue_proto import limit_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Limit
from cuebot.queries.limits import all_limits, limit_row
from cuebot.wire.call import Call
from cuebot.wire.messages.limits import limit_message
from cuebot.wire.requests import OfName


class LimitInterface:
    """Limits: how many frames or hosts may use a licence at once."""

    async def Create(self, request: limit_pb2.LimitCreateRequest, call: Call) -> limit_pb2.LimitCreateResponse:
        """Make a limit that is enforced."""
        if request.enforcement != limit_pb2.ENFORCED:
            raise Invalid(f"limit {request.name!r}: limits of this farm are always enforced; create it as ENFORCED")
        if request.exit_status or request.delay_minutes:
            raise Invalid(f"limit {request.name!r}: rules for failures are not offered; leave exit_status at 0")
        per_host = request.type == limit_pb2.HOST
        id = await call.submit(c.CreateLimit(request.name, request.max_value, per_host))
        return limit_pb2.LimitCreateResponse(limit=limit_message(limit_row(call.farm, call.farm.get("limit", id))))

    async def Delete(self, request: limit_pb2.LimitDeleteRequest, call: Call) -> None:
        """Remove a limit; layers keep its name, and nothing counts them by it."""
        await call.submit(c.Delete("limit", _named(call.farm, request.name).id))

    def Find(self, request: limit_pb2.LimitFindRequest, call: Call) -> limit_pb2.LimitFindResponse:
        """A limit by name."""
        return limit_pb2.LimitFindResponse(limit=limit_message(limit_row(call.farm, _named(call.farm, request.name))))

    def Get(self, request: limit_pb2.LimitGetRequest, call: Call) -> limit_pb2.LimitGetResponse:
        """A limit by id."""
        return limit_pb2.LimitGetResponse(limit=limit_message(limit_row(call.farm, call.farm.get("limit", request.id))))

    def GetAll(self, request: limit_pb2.LimitGetAllRequest, call: Call) -> limit_pb2.LimitGetAllResponse:
        """All limits."""
        return limit_pb2.LimitGetAllResponse(
            limits=[limit_message(limit_row(call.farm, limit)) for limit in all_limits(call.farm)]
        )

    async def Rename(self, request: limit_pb2.LimitRenameRequest, call: Call) -> None:
        """Rename a limit, also where layers name it."""
        await call.submit(c.RenameLimit(_named(call.farm, request.old_name).id, request.new_name))

    async def SetMaxValue(self, request: limit_pb2.LimitSetMaxValueRequest, call: Call) -> None:
        """Let more or fewer run at once; what runs goes on."""
        await self._change(request, call, {"max_value": request.max_value})

    async def SetType(self, request: limit_pb2.LimitSetTypeRequest, call: Call) -> None:
        """Count frames, or hosts."""
        await self._change(request, call, {"per_host": request.type == limit_pb2.HOST})

    async def _change(self, request: OfName, call: Call, changes: dict[str, Any]) -> None:
        await call.submit(c.Change("limit", _named(call.farm, request.name).id, changes))


def _named(farm: Farm, name: str) -> Limit:
    id = farm.limit_by_name.get(name)
    if id is None:
        known = ", ".join(sorted(farm.limit_by_name)[:20]) or "none yet"
        raise NotFound(f"there is no limit {name!r}; there are {known}")
    return farm.limits[id]
