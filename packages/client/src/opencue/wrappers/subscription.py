"""Subscriptions: how much of an allocation a show may use."""

from __future__ import annotations

from opencue_proto import subscription_pb2

from opencue.changed import Changed
from opencue.rpc import call
from opencue.wrappers.entity import Entity, Getter, getter


class Subscription(Entity):
    """A show's share of an allocation.

    Sizes are in points here, 100 to a core, as the wire has them; `Show.createSubscription` takes cores.
    """

    _service = "subscription"
    _message = subscription_pb2.Subscription

    @staticmethod
    def find(name: str) -> Subscription:
        """Return a subscription by its name, `facility.allocation.show`."""
        return Subscription(call("subscription", "Find", name=name).subscription)

    @staticmethod
    def get(subscription_id: str) -> Subscription:
        """Return a subscription by its id."""
        return Subscription(call("subscription", "Get", id=subscription_id).subscription)

    def setSize(self, size: int) -> Changed:
        """Set what is guaranteed, in points: 1000 are ten cores."""
        return self._change("SetSize", new_size=_points(size))

    def setBurst(self, burst: int) -> Changed:
        """Set the most that the show may take, in points: 1000 are ten cores."""
        return self._change("SetBurst", burst=_points(burst))

    def delete(self) -> Changed:
        """End the subscription."""
        return self._change("Delete")

    id: Getter = getter("id", "UUID of the subscription.")
    name: Getter = getter("name", "Its name, `facility.allocation.show`.")
    show: Getter = getter("show_name", "Name of the show.")
    allocation: Getter = getter("allocation_name", "Name of the allocation.")
    size: Getter = getter("size", "What is guaranteed, in points.")
    burst: Getter = getter("burst", "The most that the show may take, in points.")
    reservedCores: Getter = getter("reserved_cores", "What its frames hold now, in points.")


def _points(value: int) -> int:
    """Refuse what is no whole number: a fraction would be cores, a hundredth of what the wire reads."""
    if not isinstance(value, int):
        raise AssertionError(f"a subscription is sized in whole points (100 to a core), not {value!r}")
    return value
