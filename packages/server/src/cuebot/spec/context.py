"""What the readers of all elements of one job spec share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, LimitExceeded, quoted
from cuebot.domain.frame_set import normalise, parse_frame_set
from cuebot.spec.model import SpecError
from cuebot.spec.xml_tree import Element

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Context:
    """The bounds that hold, the warnings so far, and what the head of the document said."""

    bounds: Bounds
    extended: bool
    """Whether the document asks for what this farm adds to the grammar."""
    show: str = ""
    shot: str = ""
    user: str = ""
    frames_so_far: int = 0
    _warnings: list[str] = field(default_factory=list)
    _warnings_left_out: int = 0
    _frames: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def warn(self, element: Element, problem: str) -> None:
        """Remember that something about an element was ignored or changed."""
        if len(self._warnings) < self.bounds.spec_warnings:
            self._warnings.append(f"{element.path}: {problem}")
        else:
            self._warnings_left_out += 1

    def all_warnings(self) -> tuple[str, ...]:
        """Return the warnings, and how many more there were than are kept."""
        more = (f"and {self._warnings_left_out} more",) if self._warnings_left_out else ()
        return (*self._warnings, *more)

    def warn_unknown(
        self, element: Element, children: Collection[str], attributes: Collection[str], repeated: Collection[str] = ()
    ) -> None:
        """Warn of children and attributes that nobody reads, and of repeats of which only the first is read."""
        seen: set[str] = set()
        for child in element.children:
            if child.tag not in children:
                self.warn(child, f"it is not known here and was ignored. Known: {', '.join(sorted(children))}")
            elif child.tag in seen and child.tag not in repeated:
                self.warn(child, "it is given more than once, and only the first counts")
            seen.add(child.tag)
        for attribute in element.attributes:
            if attribute not in attributes:
                self.warn(element, f'its attribute "{quoted(attribute)}" is not known here and was ignored')

    def frame_count(self, text: str, chunk: int) -> int:
        """Return how many frames a layer of this range and chunk has."""
        return self._count_and_longest(text, chunk)[0]

    def longest_number(self, text: str, chunk: int) -> int:
        """Return the number of a frame of such a layer that takes the most characters."""
        return self._count_and_longest(text, chunk)[1]

    def _count_and_longest(self, text: str, chunk: int) -> tuple[int, int]:
        key = (text, chunk)
        if key not in self._frames:  # the layers of a job often share their range
            frames = normalise(parse_frame_set(text, self.bounds), chunk)
            longest = max(int(frames.min()), int(frames.max()), key=lambda number: len(str(number)))
            self._frames[key] = (len(frames), longest)
        return self._frames[key]


def located(element: Element, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function of the domain; what it refuses is refused in the name of the element."""
    try:
        return function(*args, **kwargs)
    except LimitExceeded as error:
        raise LimitExceeded(
            f"job spec, {element.path}", error.counted, given=error.given, limit=error.limit, allowed=error.allowed
        ) from error
    except Invalid as error:
        raise SpecError(element.path, str(error)) from error
