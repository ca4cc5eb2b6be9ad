"""Events in the life of a layer and of a launch, and who listens to them."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List

from outline.exception import FailImmediately, OutlineException

logger = logging.getLogger(__name__)

AFTER_INIT = "AFTER_INIT"
AFTER_PARENTED = "AFTER_PARENTED"
SETUP = "SETUP"
BEFORE_EXECUTE = "BEFORE_EXECUTE"
AFTER_EXECUTE = "AFTER_EXECUTE"
AFTER_LAUNCH = "AFTER_LAUNCH"
BEFORE_LAUNCH = "BEFORE_LAUNCH"

EVENT_TYPES = (AFTER_INIT, AFTER_PARENTED, SETUP, BEFORE_EXECUTE, AFTER_EXECUTE, AFTER_LAUNCH, BEFORE_LAUNCH)
"""All events, in no particular order."""

FRAME_EVENT_TYPES = (BEFORE_EXECUTE, AFTER_EXECUTE)
"""The events that happen in a frame on the farm; their listeners travel with the outline."""


class Event:
    """Something happened; what the sender says of it are attributes."""

    def __init__(self, event_type: str, **details: Any) -> None:
        self.type = event_type
        self.__dict__.update(details)


class LayerEvent(Event):
    """Something happened to a layer, `layer`; after execution, `frames` are the frames it executed."""

    def __init__(self, event_type: str, layer: Any, **details: Any) -> None:
        super().__init__(event_type, layer=layer, **details)


class LaunchEvent(Event):
    """A launch begins or is done; `cuerun` is the command, `outline` the outline, afterwards `job` the job."""

    def __init__(self, event_type: str, cuerun: Any, **details: Any) -> None:
        super().__init__(event_type, cuerun=cuerun, **details)


Listener = Callable[[Any], object]


class EventHandler:
    """The listeners of one component."""

    def __init__(self, component: Any) -> None:
        self.__component = component
        self.__listeners: Dict[str, List[Listener]] = {}

    def add_event_listener(self, event_type: str, callback: Listener) -> None:
        """Call `callback(event)` whenever an event of this type happens.

        Raises:
            OutlineException: there is no such event.
        """
        if event_type not in EVENT_TYPES:
            raise OutlineException(f"there is no event {event_type!r}: choose one of {', '.join(EVENT_TYPES)}")
        self.__listeners.setdefault(event_type, []).append(callback)

    def get_event_listeners(self, event_type: str) -> List[Listener]:
        """Return the listeners of an event, in the order in which they were added."""
        return self.__listeners.get(event_type, [])

    def emit(self, event: Event) -> None:
        """Tell the listeners; what they raise is logged, except `FailImmediately`, which goes through."""
        for callback in self.get_event_listeners(event.type):
            try:
                callback(event)
            except FailImmediately:
                raise
            except Exception:  # a listener is somebody else's code, it must not break the launch or the frame
                logger.exception("a listener of %s of %s failed", event.type, self.__component)
