"""A channel that goes on to another server of the farm when its own is away, beneath whoever holds it."""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional

import grpc


class SwitchedChannel(grpc.Channel):
    """A channel to one server at a time. Stubs that were made before a switch call the new server after it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.current = channel
        self._lock = threading.Lock()

    def go_on(self, failed: grpc.Channel, find: Callable[[], Optional[grpc.Channel]]) -> bool:
        """Leave a channel that found no server for the one that `find` opens; say whether calls now go elsewhere.

        Several threads lose the same server at once: the first looks for another, and the others find it done.
        """
        with self._lock:
            if self.current is not failed:
                return True
            other = find()
            if other is None:
                return False
            self.current = other
        failed.close()
        return True

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        """Tell of changes of the connection, of this server."""
        self.current.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        """Tell no longer."""
        self.current.unsubscribe(callback)

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return what calls the server of this moment; interceptors ask for it anew with each attempt."""
        return self.current.unary_unary(*args, **kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Do the same for an answer in parts."""
        return self.current.unary_stream(*args, **kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Do the same for a request in parts."""
        return self.current.stream_unary(*args, **kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Do the same for both."""
        return self.current.stream_stream(*args, **kwargs)

    def close(self) -> None:
        """Close the connection."""
        self.current.close()

    def __enter__(self) -> SwitchedChannel:
        return self

    def __exit__(self, *problem: Any) -> None:
        self.close()
