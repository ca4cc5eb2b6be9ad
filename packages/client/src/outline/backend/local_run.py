"""A small scheduler: runs frames as processes on this machine, as many at a time as it has cores for."""

from __future__ import annotations

import contextlib
import heapq
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

KILL_AFTER_SECONDS = 5.0
"""How long frames have to end after an interruption before they are killed."""


_ROUNDING = 1e-6
"""What the sum of fractions of cores may be off by."""


class LocalFrame:
    """A frame of a local run; `numbers` are the frame numbers that it covers."""

    def __init__(
        self,
        name: str,
        numbers: List[int],
        command: Union[str, List[str]],
        environment: Dict[str, str],
        cores: float = 1.0,
        order: Tuple[int, int] = (0, 0),
        is_post: bool = False,
    ) -> None:
        self.name = name
        self.numbers = numbers
        self.command = command
        self.environment = environment
        self.cores = cores
        self.order = order
        self.is_post = is_post
        self.state = "DEPEND"
        self.exit_status: Optional[int] = None
        self.closed_gates = 0
        self.feeds: List[Gate] = []


class Gate:
    """Keeps frames waiting until enough of other frames are done."""

    def __init__(
        self,
        waiting: Sequence[LocalFrame],
        target: Sequence[LocalFrame],
        needed: Optional[int] = None,
        on_failure: bool = False,
    ) -> None:
        self.waiting = waiting
        self.needed = len(target) if needed is None else needed
        self.on_failure = on_failure
        for frame in waiting:
            frame.closed_gates += 1
        for frame in target:
            frame.feeds.append(self)


class LocalRun:
    """Runs frames, and prints their output line by line with the frame's name in front."""

    def __init__(self, frames: List[LocalFrame], cores: float) -> None:
        self.__cores = float(cores)
        self.__free_cores = float(cores)
        self.__ready: List[Tuple[Tuple[int, int], int, LocalFrame]] = []
        self.__running: Dict[LocalFrame, Any] = {}
        self.__ended: queue.Queue[Tuple[LocalFrame, int]] = queue.Queue()
        self.__print_lock = threading.Lock()
        for frame in frames:
            if frame.closed_gates == 0:
                self.__push(frame)

    def run(self) -> None:
        """Run the frames until none is left that can run; their `state` says how each went."""
        try:
            while self.__ready or self.__running:
                self.__start_what_fits()
                frame, status = self.__ended.get()
                del self.__running[frame]
                self.__free_cores += self.__needed_cores(frame)
                self.__finish(frame, status)
        except BaseException:
            self.__kill_running()
            raise

    def __push(self, frame: LocalFrame) -> None:
        frame.state = "WAITING"
        heapq.heappush(self.__ready, (frame.order, id(frame), frame))

    def __needed_cores(self, frame: LocalFrame) -> float:
        return min(frame.cores, self.__cores)  # a frame that wants more than there is gets all of it

    def __start_what_fits(self) -> None:
        while self.__ready and self.__needed_cores(self.__ready[0][2]) <= self.__free_cores + _ROUNDING:
            _, _, frame = heapq.heappop(self.__ready)
            self.__free_cores -= self.__needed_cores(frame)
            self.__start(frame)

    def __start(self, frame: LocalFrame) -> None:
        frame.state = "RUNNING"
        self.__running[frame] = None
        try:
            process = subprocess.Popen(
                frame.command,
                shell=isinstance(frame.command, str),
                env={**os.environ, **frame.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            self.__print(frame, f"cannot start: {error}")
            self.__ended.put((frame, 127))
            return
        self.__running[frame] = process
        threading.Thread(target=self.__follow, args=(frame, process), daemon=True).start()

    def __follow(self, frame: LocalFrame, process: Any) -> None:
        for line in process.stdout:
            self.__print(frame, line.decode(errors="replace").rstrip("\r\n"))
        process.stdout.close()
        self.__ended.put((frame, process.wait()))

    def __finish(self, frame: LocalFrame, status: int) -> None:
        frame.exit_status = status
        frame.state = "SUCCEEDED" if status == 0 else "DEAD"
        if status != 0:
            how = f"ended by signal {-status}" if status < 0 else f"failed with exit status {status}"
            self.__print(frame, how)
        for gate in frame.feeds:
            if status == 0 or gate.on_failure:
                gate.needed -= 1
                if gate.needed == 0:
                    self.__open(gate)

    def __open(self, gate: Gate) -> None:
        for frame in gate.waiting:
            frame.closed_gates -= 1
            if frame.closed_gates == 0:
                self.__push(frame)

    def __print(self, frame: LocalFrame, line: str) -> None:
        with self.__print_lock:
            sys.stdout.write(f"[{frame.name}] {line}\n")
            sys.stdout.flush()

    def __kill_running(self) -> None:
        processes = [process for process in self.__running.values() if process is not None]
        for process in processes:
            _end(process, signal.SIGTERM)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILL_AFTER_SECONDS)
            _end(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()


def _end(process: Any, number: int) -> None:
    """Send a signal to a frame and to all that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
    else:
        process.terminate()
