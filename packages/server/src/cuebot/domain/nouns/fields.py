"""Fields of nouns: which of them the journal keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import field
from functools import cache
from operator import attrgetter
from typing import Any, cast

from cuebot.domain.states import (
    FrameState,
)


def derived(default_factory: Any) -> Any:
    """A field computed from other rows, never stored."""
    return field(default_factory=default_factory, metadata={"stored": False}, compare=False, repr=False)


def volatile(default: Any) -> Any:
    """A field that holds telemetry: outside rows and events."""
    return field(default=default, metadata={"stored": False}, compare=False, repr=False)


@cache
def stored_fields(noun: Hashable) -> tuple[str, ...]:
    """Names of the fields of a noun that the journal keeps, in order."""
    return tuple(f.name for f in dataclasses.fields(cast(Any, noun)) if f.metadata.get("stored", True))


@cache
def _stored_getter(noun: Hashable) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*stored_fields(noun))


def stored_values(thing: Any) -> dict[str, Any]:
    """The stored fields of a thing, shallow."""
    noun = cast(Hashable, type(thing))
    return dict(zip(stored_fields(noun), _stored_getter(noun)(thing), strict=True))


def no_counts() -> list[int]:
    """Frame counters, one for each FrameState."""
    return [0] * len(FrameState)
