"""The link as the runner sees it: a child process and a socket, both replaceable at any moment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import Any, Callable, Optional

from rqd import log
from rqd.beforehand import CANNOT_START, CANNOT_START_NOW
from rqd.runner.loop import Loop, Timer

RESTART_SECONDS_MIN = 0.1
RESTART_SECONDS_MAX = 10.0
STEADY_SECONDS = 30.0
LAST_WORDS_SECONDS = 2.0
HOPELESS = (CANNOT_START, CANNOT_START_NOW)  # statuses of a link after which another one would fail as well

_CHUNK = 1 << 18

Message = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode


class LinkProcess:
    """Starts the link, speaks with it in lines of JSON, and starts another when it ends."""

    def __init__(
        self,
        loop: Loop,
        arguments: tuple[str, ...],
        on_message: Callable[[Message], None],
        on_restart: Callable[[], None],
        on_hopeless: Callable[[int], None],
    ) -> None:
        self._loop = loop
        self._arguments = arguments
        self._folder = os.getcwd()
        self._on_message = on_message
        self._on_restart = on_restart
        self._on_hopeless = on_hopeless
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._socket: Optional[socket.socket] = None
        self._received = b""
        self._to_send = bytearray()
        self._is_watching_writable = False
        self._started_at = 0.0
        self._restart_seconds = RESTART_SECONDS_MIN
        self._restart_timer: Optional[Timer] = None
        self._is_wanted = False
        self._was_up = False
        self.has_stopped = False
        """It was told to stop, and did so in good order."""

    @property
    def is_running(self) -> bool:
        """Whether there is a process now."""
        return self._process is not None

    @property
    def pids(self) -> tuple[int, ...]:
        """The process, for which nobody else is to wait."""
        return (self._process.pid,) if self._process is not None else ()

    def start(self) -> None:
        """Start the process, and keep one running from now on."""
        self._is_wanted = True
        self._restart_timer = None
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        words = [sys.executable, "-m", "rqd.link", "--runner-fd", str(theirs.fileno()), "--", *self._arguments]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    words, cwd=self._folder, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
                )
        except OSError as problem:
            ours.close()
            log.error("link cannot be started", why=problem)
            self._restart_later()
            return
        self._socket = ours
        self._started_at = time.monotonic()
        self._loop.watch(ours, self._ready)
        log.info("link started", pid=self._process.pid)
        self._on_restart()

    def mark_up(self) -> None:
        """The link has said that it serves: a later failure is not one of its options."""
        self._was_up = True

    def send(self, message: Message) -> None:
        """Queue a message; it leaves with the next `flush`. Dropped without a link: a new one is told everything."""
        if self._socket is not None:
            self._to_send += _encode(message).encode() + b"\n"

    def flush(self) -> None:
        """Write what is queued, as far as the socket takes it."""
        if self._socket is None or not self._to_send:
            return
        try:
            sent = self._socket.send(self._to_send)
            del self._to_send[:sent]
        except BlockingIOError:
            pass
        except OSError:
            return  # it is gone; `reap` will see it
        self._watch_writable(bool(self._to_send))

    def reap(self) -> None:
        """See whether the process has ended, and plan another."""
        if self._process is None:
            return
        status = self._process.poll()
        if status is None:
            return
        self._process = None
        self._drop_socket()
        if not self._is_wanted:
            self.has_stopped = status == 0
            return
        log.warning("link ended", status=status)
        if status in HOPELESS and not self._was_up:
            self._on_hopeless(status)
            return
        if time.monotonic() - self._started_at > STEADY_SECONDS:
            self._restart_seconds = RESTART_SECONDS_MIN
        self._restart_later()

    def stop(self) -> None:
        """Tell the process to end, and start no other."""
        self._is_wanted = False
        if self._restart_timer is not None:
            self._restart_timer.cancel()
        self.send({"stop": True})
        self.flush()

    def kill(self) -> None:
        """End a process that does not stop."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._drop_socket()

    def _restart_later(self) -> None:
        self._restart_timer = self._loop.call_later(self._restart_seconds, self.start)
        self._restart_seconds = min(self._restart_seconds * 2, RESTART_SECONDS_MAX)

    def _ready(self, _: int) -> None:
        if self._to_send:
            self.flush()
        assert self._socket is not None, "only an open socket is watched"
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop_socket()
            process = self._process
            self._loop.call_later(LAST_WORDS_SECONDS, lambda: self._kill_mute(process))
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._on_message(json.loads(line))

    def _kill_mute(self, process: Optional[subprocess.Popen[bytes]]) -> None:
        """End a link that lives on without its socket: it is of no use. SIGCHLD then brings the next one."""
        if process is not None and process is self._process and self._is_wanted:
            process.kill()

    def _watch_writable(self, wanted: bool) -> None:
        if self._socket is not None and wanted != self._is_watching_writable:
            self._is_watching_writable = wanted
            self._loop.watch(self._socket, self._ready, writable=wanted)

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._loop.forget(self._socket)
            self._socket.close()
        self._socket = None
        self._received = b""
        self._to_send.clear()
        self._is_watching_writable = False
