"""A small farm behind the real methods of the server, for `opencue` and `cueadmin` in the same process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from run_history import MemoryFarmHistory, MemoryRunHistory
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.actions import actions_of
from cuebot.engine.past_jobs import NoJobHistory, PastJobs
from cuebot.engine.ports import Recorded
from cuebot.engine.requests import Address
from cuebot.wire.call import behaviour
from cuebot.wire.rpc_actions import asked_by
from cuebot.wire.server import offered_services, service_descriptors
from opencue.changed import ChangedInterceptor
from opencue.cuebot import INTERFACES, Cuebot
from opencue.warning import WarningInterceptor


class Ended(grpc.RpcError):  # type: ignore[misc]  # grpc comes without types
    """A call that was refused."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        """The status."""
        return self._code

    def details(self) -> str:
        """The server's words."""
        return self._details


class Context:
    """What a method of the server knows of its caller, and where its metadata goes."""

    def __init__(self) -> None:
        self.trailing: tuple[tuple[str, str], ...] = ()
        self.request_id = str(uuid.uuid4())

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Who calls, and the id of the request, which each of `opencue` has."""
        return (("cuefarm-user", "ann"), ("cuefarm-request-id", self.request_id))

    def peer(self) -> str:
        """Where from."""
        return "test"

    def set_trailing_metadata(self, metadata: Any) -> None:
        """What goes along with the answer."""
        self.trailing = tuple(metadata)

    def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
        """What is to go along with the answer so far."""
        return self.trailing

    async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: Any = ()) -> None:
        """End the call with a status."""
        raise Ended(code, details)


ALSO_DONE = {
    "host.add_tags": ("host.remove_tags",),
    "host.reboot": ("host.set_state",),
    "job.submit": ("partition.add",),
}
"""A tag is renamed by taking the old one away as well; a host whose agent will not reboot is set back; a specification
may name a part of its user's host."""


class WillingAgents:
    """Agents that take whatever they are told."""

    async def restart(self, address: Address, when_idle: bool) -> None:
        """They do."""

    async def reboot(self, address: Address, when_idle: bool) -> None:
        """They do, which their next report would tell."""

    async def stay(self, address: Address) -> None:
        """They do."""


class Served:
    """What the server's methods take for the engine, over a farm driven by hand."""

    def __init__(self, farm: SmallFarm) -> None:
        self.small, core = farm, farm.core
        self.asked = ""
        """What the RPC under way has asked for."""
        self.core = SimpleNamespace(
            bounds=core.bounds, policies=(), settings=core.settings, context=core.context, authorize=core.authorize
        )

    @property
    def past_jobs(self) -> PastJobs:
        """Nothing is on disk."""
        return PastJobs(NoJobHistory(), self.core.bounds)

    async def recall(self, text: str) -> bool:
        """Nothing is on disk."""
        return False

    @property
    def farm(self) -> Any:
        """The books."""
        return self.small.farm

    def now_us(self) -> int:
        """The farm's clock."""
        return self.small.now_us

    async def submit(self, command: c.Command, envelope: c.Envelope) -> Any:
        """Carry a command out, which does what its RPC has asked for and nothing else."""
        names = {action.name for action in actions_of(command)}
        assert names <= {self.asked, *ALSO_DONE.get(self.asked, ())}, f"{self.asked} becomes {names}"
        return self.small.do(command, envelope)

    async def durable(self) -> None:
        """A farm driven by hand commits every step at once."""


class Stub:
    """The methods of one interface, as a script calls them."""

    def __init__(self, served: Served, service: Any, implementation: Any) -> None:
        self._served, self._service, self._implementation = served, service, implementation

    def __getattr__(self, rpc: str) -> Any:
        def call(request: Any, timeout: float) -> Any:
            message, context = self._answer(rpc, request)
            for interceptor in (ChangedInterceptor(), WarningInterceptor()):
                interceptor.intercept_unary_unary(lambda *_: context, None, request)
            return message

        return call

    def _answer(self, rpc: str, request: Any) -> tuple[Any, Context]:
        method = self._service.methods_by_name[rpc]
        name, context = f"{self._service.name}.{rpc}", Context()
        served: Any = self._served
        asked = asked_by(self._service.full_name, method)
        self._served.asked = asked.action.name
        answer = behaviour(served, name, type(request), getattr(self._implementation, rpc), asked)
        raw = asyncio.run(answer(request.SerializeToString(), context))  # type: ignore[arg-type]  # a coroutine
        return method.output_type._concrete_class.FromString(raw), context


def _recorded(farm: SmallFarm) -> list[Recorded]:
    return [recorded for batch in farm.batches for recorded in batch.events]


@contextmanager
def served(farm: SmallFarm) -> Iterator[Served]:
    """While this lasts, `opencue` and `cueadmin` in this process talk to the farm."""
    one = Served(farm)
    streams: Any = None
    recorded = partial(_recorded, farm)
    history, farm_history = MemoryRunHistory(recorded), MemoryFarmHistory(recorded)
    offered = offered_services(
        streams=streams,
        bounds=farm.core.bounds,
        allow_root=False,
        history=history,
        farm_history=farm_history,
        host_agents=WillingAgents(),
    )
    services = {service.full_name: service for service in service_descriptors()}

    def stub(name: str) -> Stub:
        module, interface = INTERFACES[name]
        package = "cuefarm.v1" if module.startswith("cuefarm_proto") else None
        full = next(n for n in offered if n.split(".")[-1] == interface and (not package or n.startswith(package)))
        return Stub(one, services[full], offered[full])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cuebot, "getStub", staticmethod(stub))
        yield one
