"""A number of cores means the same at every door, or is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cuebot.decide.changes import checked
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid
from cuebot.spec import LayerSpec, Spec, parse_spec
from cuebot.wire.values import frame_units, units, units_or_unlimited

DOCUMENT = (
    '<spec cuefarm="1"><show>testing</show><shot>sh1</shot><user>ann</user><job name="one">{job}<layers>'
    '<layer name="render" type="Render"{attribute}><cmd>true</cmd><range>1</range>{layer}</layer></layers></job></spec>'
)
CORES = st.decimals(-20, 900, places=4, allow_nan=False)

Door = Callable[[Decimal], tuple[int, bool]]
"""Takes cores, returns what is stored in hundredths and whether that is warned of. Raises Invalid."""


def on_the_wire(cores: Decimal) -> float:
    """A field of the interface has 32 bits."""
    return float(np.float32(str(cores)))


def document(cores: Decimal, job: str = "", attribute: str = "", layer: str = "") -> Spec:
    """A specification with a number of cores in one place."""
    parts = {"job": job, "attribute": attribute, "layer": layer}
    return parse_spec(DOCUMENT.format(**{name: part.format(f"{cores:f}") for name, part in parts.items()}))


def a_layer(spec: Spec) -> LayerSpec:
    """The layer of a specification."""
    return spec.jobs[0].layers[0]


def cores_of_a_spec(cores: Decimal) -> tuple[int, bool]:
    """`<cores>` of a layer."""
    text = cores if "." in f"{cores:f}" else cores.quantize(Decimal("0.1"))
    spec = document(text, layer="<cores>{}</cores>")
    stored = a_layer(spec).cores
    assert stored is not None
    return stored, bool(spec.warnings)


def cores_of_a_setter(cores: Decimal) -> tuple[int, bool]:
    """SetMinCores of a layer."""
    warnings: list[str] = []
    given = frame_units(on_the_wire(cores), "the cores of a frame", warnings)
    return checked("layer", "render", {"min_cores": given}, DEFAULT_BOUNDS)["min_cores"], bool(warnings)


def maximum_of_a_spec(cores: Decimal) -> tuple[int, bool]:
    """`<maxcores>` of a job."""
    stored = document(cores, job="<maxcores>{}</maxcores>").jobs[0].max_cores
    assert stored is not None
    return stored, False


def maximum_of_a_layer(cores: Decimal) -> tuple[int, bool]:
    """`maxcores` of a layer."""
    stored = a_layer(document(cores, attribute=' maxcores="{}"')).max_cores
    assert stored is not None
    return stored, False


def setter(kind: str, field: str, *, unlimited: bool) -> Door:
    """A setter of a maximum or a minimum."""

    def door(cores: Decimal) -> tuple[int, bool]:
        given = units(on_the_wire(cores), "the maximum", unlimited=unlimited)
        return checked(kind, "one", {field: given}, DEFAULT_BOUNDS)[field], False

    return door


MAXIMA: dict[str, Door] = {
    "job spec": maximum_of_a_spec,
    "layer spec": maximum_of_a_layer,
    "Job.SetMaxCores": setter("job", "max_cores", unlimited=True),
    "Job.SetMinCores": setter("job", "min_cores", unlimited=False),
    "Layer.SetMaxCores": setter("layer", "max_cores", unlimited=False),
    "Show.SetDefaultMaxCores": setter("show", "default_max_cores", unlimited=False),
    "Show.SetDefaultMinCores": setter("show", "default_min_cores", unlimited=False),
    "Group.SetDefaultJobMaxCores": lambda cores: (units_or_unlimited(on_the_wire(cores), "the maximum"), False),
}


def nearest(cores: Decimal) -> int:
    """Hundredths of a core."""
    return int((cores * 100).to_integral_value(ROUND_HALF_UP))


@given(CORES)
@example(Decimal("0.001"))
@example(Decimal("0.004"))
@example(Decimal("0.05"))
@example(Decimal("0.0949"))
@example(Decimal("0.095"))
@example(Decimal("-0.004"))
@example(Decimal(0))
@example(Decimal(-1))
def test_cores_of_a_frame_are_the_same_in_a_specification_and_by_a_setter(cores: Decimal) -> None:
    """What is stored is what was said, to a hundredth; else it is one core, with a warning, or refused by both."""
    found = []
    for door in (cores_of_a_spec, cores_of_a_setter):
        try:
            found.append(door(cores))
        except Invalid:
            found.append((0, False))
            assert cores < 0
            assert not nearest(cores)
    assert found[0] == found[1]
    stored, warned = found[0]
    assert stored == (100 if warned else nearest(cores))
    assert warned == (cores > 0 and nearest(cores) < 10)


@pytest.mark.parametrize("door", MAXIMA)
@given(CORES.filter(lambda cores: cores > 0))
@example(Decimal("0.004"))
@example(Decimal("0.4"))
@example(Decimal("0.5"))
@example(Decimal("1.5"))
@example(Decimal("2.9999"))
def test_a_maximum_or_minimum_is_kept_to_a_hundredth_or_refused(door: str, cores: Decimal) -> None:
    """No fraction is dropped, and what would become 0 is refused: 0 has a meaning of its own."""
    if nearest(cores):
        assert MAXIMA[door](cores) == (nearest(cores), False)
        return
    with pytest.raises(Invalid, match="a hundredth of a core"):
        MAXIMA[door](cores)


@pytest.mark.parametrize("door", ["Job.SetMaxCores", "Show.SetDefaultMaxCores", "Layer.SetMaxCores"])
def test_a_negative_maximum_is_refused_as_it_was_given(door: str) -> None:
    """In cores, not in hundredths of them."""
    with pytest.raises(Invalid, match=r"not -5$"):
        MAXIMA[door](Decimal(-5))
