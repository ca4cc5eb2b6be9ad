"""Filters of shows: what is done to jobs as they are launched, by what they are called and who launches them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class FilterType(IntEnum):
    """How many of a filter's matchers a job has to fit."""

    MATCH_ANY = 0
    MATCH_ALL = 1


class MatchSubject(IntEnum):
    """What a matcher looks at; a job has several services and layers."""

    JOB_NAME = 0
    SHOW = 1
    SHOT = 2
    USER = 3
    SERVICE_NAME = 4
    PRIORITY = 5
    FACILITY = 6
    LAYER_NAME = 7


class MatchType(IntEnum):
    """How a matcher compares."""

    CONTAINS = 0
    DOES_NOT_CONTAIN = 1
    IS = 2
    IS_NOT = 3
    REGEX = 4
    BEGINS_WITH = 5
    ENDS_WITH = 6


class ActionType(IntEnum):
    """What a filter does to a job that fits."""

    MOVE_JOB_TO_GROUP = 0
    PAUSE_JOB = 1
    SET_JOB_MIN_CORES = 2
    SET_JOB_MAX_CORES = 3
    STOP_PROCESSING = 4
    SET_JOB_PRIORITY = 5
    SET_ALL_RENDER_LAYER_TAGS = 6
    SET_ALL_RENDER_LAYER_MEMORY = 7
    SET_ALL_RENDER_LAYER_CORES = 8
    SET_MEMORY_OPTIMIZER = 9
    SET_ALL_RENDER_LAYER_MIN_CORES = 10
    SET_ALL_RENDER_LAYER_MAX_CORES = 11
    SET_ALL_UTIL_LAYER_TAGS = 12
    SET_ALL_UTIL_LAYER_MEMORY = 13
    SET_ALL_UTIL_LAYER_MIN_CORES = 14
    SET_ALL_UTIL_LAYER_MAX_CORES = 15
    SET_ALL_PRE_LAYER_TAGS = 16
    SET_ALL_PRE_LAYER_MEMORY = 17
    SET_ALL_PRE_LAYER_MIN_CORES = 18
    SET_ALL_PRE_LAYER_MAX_CORES = 19


@dataclass(frozen=True, slots=True)
class Matcher:
    """One question to a job."""

    id: str
    subject: MatchSubject
    type: MatchType
    input: str


@dataclass(frozen=True, slots=True)
class FilterAction:
    """One thing that is done to a job that fits."""

    id: str
    type: ActionType
    value: Any = None
    """By type: a group's id, core units, KiB, a priority, tags with commas between, yes or no; None where it takes
    none."""


@dataclass(slots=True)
class Filter:
    """What a show does to its jobs when they are launched. Without a matcher it fits none."""

    id: str
    show_id: str
    name: str
    order: int
    """Its place among the filters of its show, the first is 1."""
    type: FilterType = FilterType.MATCH_ALL
    enabled: bool = True
    matchers: tuple[Matcher, ...] = ()
    """In the order in which they were made."""
    actions: tuple[FilterAction, ...] = ()
    """Likewise; STOP_PROCESSING is done last wherever it stands."""

    def in_order(self) -> list[FilterAction]:
        """The actions as they are done."""
        return sorted(self.actions, key=lambda action: action.type is ActionType.STOP_PROCESSING)
