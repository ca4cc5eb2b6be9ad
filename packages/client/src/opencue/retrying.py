"""Calls that are tried again: a server that restarts is waited for, one that cannot keep anything now is asked again.

The server knows a repeated request by its id, so a call whose answer was lost is not carried out a second time.
"""

from __future__ import annotations

import abc
import logging
import random
import time
from contextvars import ContextVar
from typing import Any, Callable, Optional

import grpc

from opencue.exception import neverSent, reached, transportReason

logger = logging.getLogger("opencue")

REFUSALS_MAX = 3
"""How often a server that answers UNAVAILABLE itself is asked again: it is up, and somebody waits for its words."""

_cut_off: ContextVar[bool] = ContextVar("cuefarm-cut-off", default=False)


class SleepingPolicy(abc.ABC):
    """How long to wait between attempts."""

    @abc.abstractmethod
    def sleep(self, attempt: int) -> None:
        """Wait after attempt number `attempt`, counted from 0."""


class ExponentialBackoff(SleepingPolicy):
    """Wait longer each time, up to a bound, with a little jitter so that clients do not come back in step."""

    def __init__(self, init_backoff_ms: int, max_backoff_ms: int, multiplier: int) -> None:
        self.init_backoff = init_backoff_ms
        self.max_backoff = max_backoff_ms
        self.multiplier = multiplier

    def sleep(self, attempt: int) -> None:
        """Wait for 75-100 % of the bound of this attempt."""
        bound_ms = min(self.init_backoff * self.multiplier**attempt, self.max_backoff)
        time.sleep(bound_ms * random.uniform(0.75, 1.0) / 1000)


class RetryOnRpcErrorClientInterceptor(grpc.UnaryUnaryClientInterceptor):
    """Repeats a call that found no server, or lost it, with growing pauses.

    gRPC hands a failed call back as a value here instead of raising it, so its status is read. A connection that ends
    under a call is told by several statuses; `reached` knows them.
    """

    def __init__(
        self,
        *,
        max_attempts: int = 13,
        sleeping_policy: Optional[SleepingPolicy] = None,
        status_for_retry: tuple[grpc.StatusCode, ...] = (grpc.StatusCode.UNAVAILABLE,),
        goes_to: Callable[[], Any] = lambda: None,
        go_on: Callable[[Any], bool] = lambda failed: False,
    ) -> None:
        self.max_attempts = max_attempts
        self.sleeping_policy = sleeping_policy or ExponentialBackoff(250, 1_600, 2)
        self.status_for_retry = status_for_retry
        self._goes_to, self._go_on = goes_to, go_on
        """What a call goes to, and what looks for another when that found no server."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Call, and call again while the status is one to repeat and attempts are left."""
        _cut_off.set(False)
        refusals = 0
        for attempt in range(self.max_attempts - 1):
            server = self._goes_to()
            response = continuation(client_call_details, request)
            came_to_a_server = reached(response)
            if came_to_a_server and response.code() not in self.status_for_retry:
                return response
            if came_to_a_server:
                refusals += 1
                if refusals > REFUSALS_MAX:
                    return response
            elif not neverSent(response):
                _cut_off.set(True)
            if not came_to_a_server and self._go_on(server):
                continue
            detail = response.details() if came_to_a_server else f"no server answers ({transportReason(response)})"
            logger.log(logging.DEBUG if attempt else logging.WARNING, "%s; trying again", detail)
            self.sleeping_policy.sleep(attempt)
        response = continuation(client_call_details, request)
        if not reached(response) and not neverSent(response):
            _cut_off.set(True)
        return response


def wasCutOff() -> bool:
    """Say whether this thread's last call lost its server at least once, after it may have been sent."""
    return _cut_off.get()
