"""Jobs and layers that are known by name only, as dependencies speak of them; fetched when more is asked."""

from __future__ import annotations

from typing import Any, Optional

from opencue.rpc import call
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer


class JobByName(Job):
    """A job of which only the name is known so far."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._data: Optional[Any] = None
        self._stub = None

    def name(self) -> str:
        """Full name of the job."""
        return self._name

    @property
    def data(self) -> Any:
        """The job's message, fetched once."""
        if self._data is None:
            self._data = call("job", "FindJob", name=self._name).job
        return self._data

    def __repr__(self) -> str:
        return f"<Job {self._name}>"


class LayerByName(Layer):
    """A layer of which only the job's name and its own are known so far."""

    def __init__(self, job: str, name: str) -> None:
        self._job = job
        self._name = name
        self._data: Optional[Any] = None
        self._stub = None

    def name(self) -> str:
        """Name of the layer."""
        return self._name

    @property
    def data(self) -> Any:
        """The layer's message, fetched once."""
        if self._data is None:
            self._data = call("layer", "FindLayer", job=self._job, layer=self._name).layer
        return self._data

    def __repr__(self) -> str:
        return f"<Layer {self._job}/{self._name}>"
