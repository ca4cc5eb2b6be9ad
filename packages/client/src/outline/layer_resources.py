"""What a layer asks of the farm: cores, memory, tags, service, limits, retries."""

from __future__ import annotations

import math
from typing import Any, Iterable, List, Optional, Union

from outline.exception import LayerException


class LayerResources:
    """The part of a layer that says what its frames need.

    All of it is kept in the layer's arguments, so `set_min_cores(4)` and the constructor's `cores=4` are the same.
    """

    def get_arg(self, key: str, default: Any = None) -> Any:
        raise NotImplementedError

    def set_arg(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def get_service(self) -> str:
        """Return the services, separated by commas; the first that the server knows gives the defaults."""
        return ",".join(_names(self.get_arg("service"))) or "shell"

    def set_service(self, service: Union[str, Iterable[str]]) -> None:
        """Say what kind of work the layer does: one service, or several as a list or separated by commas."""
        self.set_arg("service", ",".join(_names(service)))

    def get_limits(self) -> List[str]:
        """Return the names of the limits that the layer's frames count against."""
        return _names(self.get_arg("limits"))

    def set_limits(self, limits: Union[str, Iterable[str]]) -> None:
        """Set the limits that the layer's frames count against: their names as a list or separated by commas."""
        self.set_arg("limits", _names(limits))

    def get_chunk_size(self) -> int:
        """Return how many frames of the range one frame of the job executes."""
        return int(self.get_arg("chunk") or 1)

    def set_chunk_size(self, size: int) -> None:
        """Set how many frames of the range one frame of the job executes."""
        if int(size) < 1:
            raise LayerException(f"the chunk size of layer {self} has to be 1 or more, not {size!r}")
        self.set_arg("chunk", int(size))

    get_chunk = get_chunk_size
    set_chunk = set_chunk_size

    def get_min_cores(self) -> Optional[float]:
        """Return how many cores a frame needs at least, or None where the service decides."""
        return self.get_arg("cores")

    def set_min_cores(self, cores: float) -> None:
        """Say how many cores a frame needs at least; fractions are allowed."""
        self.set_arg("cores", self.__not_negative("minimum cores", cores))

    def get_max_cores(self) -> Optional[float]:
        """Return how many cores a frame can use at most, or None where the service decides."""
        return self.get_arg("max_cores")

    def set_max_cores(self, cores: float) -> None:
        """Say how many cores a frame can use at most; fractions are allowed."""
        self.set_arg("max_cores", self.__not_negative("maximum cores", cores))

    def get_min_memory(self) -> Union[str, int, float, None]:
        """Return the argument `memory`: a text with a unit such as `2048m`, or a number of GB."""
        return self.get_arg("memory")

    def set_min_memory(self, memory: Union[str, float]) -> None:
        """Say how much memory a frame needs: a number of MB, or a text with a unit such as `2g`."""
        if not isinstance(memory, str):
            memory = f"{int(self.__not_negative('memory', memory))}m"
        self.set_arg("memory", memory)

    def get_retry_count(self) -> Optional[int]:
        """Return how often a failed frame of this layer is run again, or None where the job decides."""
        return self.get_arg("max_retries")

    def set_retry_count(self, count: int) -> None:
        """Say how often a failed frame of this layer is run again before it is dead."""
        self.set_arg("max_retries", int(self.__not_negative("retry count", count)))

    def __not_negative(self, what: str, value: float) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise LayerException(f"the {what} of layer {self} has to be a number of 0 or more, not {value!r}")
        return value


def _names(given: Union[str, Iterable[str], None]) -> List[str]:
    """Return names that are given as a text with commas, or one by one."""
    texts = (given,) if isinstance(given, str) else given or ()
    return [name.strip() for text in texts for name in str(text).split(",") if name.strip()]
