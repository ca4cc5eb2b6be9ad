"""The tree of errors."""

from __future__ import annotations

import grpc
import pytest

from cuebot.domain import errors
from cuebot.domain.errors import FarmError, LimitExceeded
from cuebot.domain.frame_set import FrameRangeError
from cuebot.spec import SpecError


def descendants(kind: type[FarmError]) -> list[type[FarmError]]:
    """Return a class and all that derive from it."""
    return [kind, *(below for child in kind.__subclasses__() for below in descendants(child))]


@pytest.mark.parametrize("kind", descendants(FarmError), ids=lambda kind: kind.__name__)
def test_each_error_knows_a_grpc_status_and_an_http_status(kind: type[FarmError]) -> None:
    """The status names exist in gRPC, and the HTTP numbers are failures."""
    assert kind.code in grpc.StatusCode.__members__
    assert 400 <= kind.http <= 599


@pytest.mark.parametrize("kind", [SpecError, FrameRangeError, LimitExceeded])
def test_bad_input_is_an_invalid_argument(kind: type[FarmError]) -> None:
    """What would be refused again is told as such, so that no client tries again."""
    assert issubclass(kind, errors.Invalid)
    assert (kind.code, kind.http) == ("INVALID_ARGUMENT", 400)


def test_a_limit_is_named_with_its_number() -> None:
    """The message says what was counted, how many, the limit's name and its number."""
    error = LimitExceeded('job "comp"', "layers", given=2001, limit="layers_per_job", allowed=2000)
    assert 'job "comp": 2001 layers, more than the limit layers_per_job = 2000' in str(error)
    assert (error.limit, error.given, error.allowed) == ("layers_per_job", 2001, 2000)
