"""The part of cuefarm.v1 FarmInterface that answers queries in words."""

from __future__ import annotations

from urllib.parse import unquote

from cuebot.domain.actions import ACTIONS, Target
from cuebot.queries.fields import NOUNS
from cuebot.queries.find import query_fields, question
from cuebot.queries.language import Moment
from cuebot.wire.call import USER_KEY, Call, those
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2


class Queries:
    """What a query asks for, and what it can ask."""

    async def Find(self, request: farm_pb2.FindRequest, call: Call) -> farm_pb2.FindResponse:
        """Ids of the things of a noun that a query asks for, in an order, a page at most."""
        bounds = call.engine.core.bounds
        moment = Moment(call.farm, call.engine.now_us(), unquote(call.metadata(USER_KEY)))
        if request.noun in NOUNS:
            call.authorize(ACTIONS[f"{request.noun}.read"], Target(request.noun))
        asked = question(request.noun, request.query, request.order, request.job, moment, bounds)
        found = asked.ordered(await those(call, asked.things, asked.matches))
        most = request.limit if 0 < request.limit <= bounds.page_rows else bounds.page_rows
        first = max(request.offset, 0)
        ids = [asked.id_of(thing) for thing in found[first : first + most]]
        return farm_pb2.FindResponse(ids=ids, found=int32(len(found)))

    def GetQueryFields(self, request: farm_pb2.GetQueryFieldsRequest, call: Call) -> farm_pb2.GetQueryFieldsResponse:
        """Everything that queries can ask, noun by noun."""
        fields = [farm_pb2.QueryField(**field._asdict()) for field in query_fields()]
        return farm_pb2.GetQueryFieldsResponse(fields=fields)
