"""Threads that work through a queue of calls, for modules that do many small things at once."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any, Callable

logger = logging.getLogger(__name__)


class TaskExecutor:
    """A fixed number of threads that make the calls they are given; errors are logged, not raised."""

    def __init__(self, threads: int) -> None:
        self.__queue: queue.Queue[Any] = queue.Queue()
        for _ in range(threads):
            threading.Thread(target=self.worker, daemon=True).start()

    def execute(self, callable_: Callable[..., object], *args: object) -> None:
        """Have one of the threads make this call."""
        self.__queue.put((callable_, args))

    def wait(self) -> None:
        """Wait until all calls were made."""
        self.__queue.join()

    def worker(self) -> None:
        """Make calls for ever; the body of each thread."""
        while True:
            callback, args = self.__queue.get()
            try:
                callback(*args)
            except Exception:  # whatever a task raises, the other tasks have to run
                logger.warning("task %r failed", callback, exc_info=True)
            finally:
                self.__queue.task_done()
