"""One thread that waits for sockets, signals and timers."""

from __future__ import annotations

import heapq
import itertools
import selectors
import signal
import socket
import time
from typing import Callable, Optional, Union


class Timer:
    """A call that will be made once, unless it is cancelled."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Optional[Callable[[], None]] = action

    def cancel(self) -> None:
        """Make sure that the call is not made."""
        self.action = None


class Loop:
    """Calls back for readable and writable sockets, signals and timers, one call at a time."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._sequence = itertools.count()
        self._signal_actions: dict[int, Callable[[], None]] = {}
        self._wakeup_read, self._wakeup_write = socket.socketpair()
        self._wakeup_read.setblocking(False)
        self._wakeup_write.setblocking(False)
        self.watch(self._wakeup_read, lambda _: self._drain_signals())

    def watch(self, sock: Union[socket.socket, int], action: Callable[[int], None], writable: bool = False) -> None:
        """Call the action with the events whenever the socket or descriptor is readable, or also writable."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writable else 0)
        if sock in self._selector.get_map():
            self._selector.modify(sock, events, action)
        else:
            self._selector.register(sock, events, action)

    def forget(self, sock: Union[socket.socket, int]) -> None:
        """Watch the socket no longer."""
        self._selector.unregister(sock)

    def on_signal(self, number: signal.Signals, action: Callable[[], None]) -> None:
        """Call the action, outside of the signal handler, some time after the signal came.

        Of signals that came together, the one that was registered first is acted on first.
        """
        self._signal_actions[number] = action
        signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call the action once after that time."""
        timer = Timer(action)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._sequence), timer))
        return timer

    def turn(self, wait: bool) -> None:
        """Wait for something to happen (or only look), and make all the calls that are due."""
        watched = self._selector.get_map()
        for key, events in self._selector.select(self._patience() if wait else 0):
            if watched.get(key.fd) is key:  # an earlier call of this turn may have forgotten it
                key.data(events)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            action = heapq.heappop(self._timers)[2].action
            if action is not None:
                action()

    def _patience(self) -> Optional[float]:
        while self._timers and self._timers[0][2].action is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _drain_signals(self) -> None:
        try:
            numbers = set(self._wakeup_read.recv(4096))
        except BlockingIOError:
            return
        for number, action in self._signal_actions.items():
            if number in numbers:
                action()
