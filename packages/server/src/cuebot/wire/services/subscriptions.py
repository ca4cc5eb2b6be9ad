"""SubscriptionInterface."""

from __future__ import annotations

from opencue_proto import subscription_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import NotFound
from cuebot.domain.nouns import Subscription
from cuebot.queries.allocations import subscription_row
from cuebot.wire.call import Call
from cuebot.wire.messages.allocations import subscription_message
from cuebot.wire.requests import OfSubscription


class SubscriptionInterface:
    """Subscriptions. Size and burst are core units: 100 is one core."""

    def Find(
        self, request: subscription_pb2.SubscriptionFindRequest, call: Call
    ) -> subscription_pb2.SubscriptionFindResponse:
        """A subscription by its name, `facility.allocation.show`."""
        farm = call.farm
        facility, _, rest = request.name.partition(".")
        allocation, _, show = rest.partition(".")
        if not show:
            raise NotFound(f"{request.name!r} names no subscription; one is named FACILITY.ALLOCATION.SHOW")
        key = (farm.show_named(show).id, farm.allocation_named(f"{facility}.{allocation}").id)
        if key not in farm.subscription_of:
            raise NotFound(f"show {show!r} has no subscription to {facility}.{allocation}")
        found = farm.subscriptions[farm.subscription_of[key]]
        return subscription_pb2.SubscriptionFindResponse(
            subscription=subscription_message(subscription_row(farm, found))
        )

    def Get(
        self, request: subscription_pb2.SubscriptionGetRequest, call: Call
    ) -> subscription_pb2.SubscriptionGetResponse:
        """The subscription with that id."""
        found = call.farm.get("subscription", request.id)
        return subscription_pb2.SubscriptionGetResponse(
            subscription=subscription_message(subscription_row(call.farm, found))
        )

    async def SetSize(self, request: subscription_pb2.SubscriptionSetSizeRequest, call: Call) -> None:
        """Set a show's share of an allocation, in core units."""
        await call.submit(c.Change("subscription", _subscription(request, call).id, {"size": request.new_size}))

    async def SetBurst(self, request: subscription_pb2.SubscriptionSetBurstRequest, call: Call) -> None:
        """Set what a show may have of an allocation at most, in core units."""
        await call.submit(c.Change("subscription", _subscription(request, call).id, {"burst": request.burst}))

    async def Delete(self, request: subscription_pb2.SubscriptionDeleteRequest, call: Call) -> None:
        """Take an allocation from a show that runs nothing there."""
        await call.submit(c.Delete("subscription", _subscription(request, call).id))


def _subscription(request: OfSubscription, call: Call) -> Subscription:
    subscription: Subscription = call.farm.get("subscription", request.subscription.id)
    return subscription
