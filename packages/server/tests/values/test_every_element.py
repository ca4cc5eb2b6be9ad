"""Every element and attribute of the job specification changes something that can be seen, or is warned of by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.units import HOUR, KiB
from cuebot.spec import Spec, depends, layers, parse_spec, reader
from cuebot.wire.without_effect import spec_warnings

Look = Callable[[SmallFarm], object]

BASE: dict[str, str] = {
    "spec.facility": "<facility>local</facility>",
    "spec.show": "<show>testing</show>",
    "spec.shot": "<shot>sh1</shot>",
    "spec.user": "<user>ann</user>",
    "job@name": 'name="one"',
    "layer@name": 'name="render"',
    "layer@type": 'type="Render"',
    "layer.cmd": "<cmd>true</cmd>",
    "layer.range": "<range>1-4</range>",
    "layer.cores": "<cores>1.0</cores>",
    "layer.memory": "<memory>1g</memory>",
}
"""A small document, part by part."""


def document(parts: dict[str, str], *, extended: bool = True) -> str:
    """The document with some parts in place of the small one's; `more` are further layers, `depends` what waits."""
    all_parts = {**BASE, **parts}

    def of(prefix: str, sign: str) -> str:
        glue = " " if sign == "@" else ""
        return glue.join(text for path, text in all_parts.items() if path.startswith(prefix + sign))

    layer = f"<layer {of('layer', '@')}>{of('layer', '.')}</layer>{all_parts.get('more', '')}"
    job = f"<job {of('job', '@')}>{of('job', '.')}<layers>{layer}</layers></job>"
    root = '<spec cuefarm="1">' if extended else "<spec>"
    return f"{root}{of('spec', '.')}{job}<depends>{all_parts.get('depends', '')}</depends></spec>"


def launched(parts: dict[str, str]) -> tuple[SmallFarm, Spec]:
    """A farm with a host with GPUs on which the document was launched."""
    farm = SmallFarm()
    farm.host(gpus=2, gpu_memory=KiB(8 * GIB))
    farm.do(c.CreateShow("other"))
    farm.do(c.CreateFacility("cloud"))
    farm.do(c.CreateLimit("nuke", 1))
    spec = parse_spec(document(parts))
    farm.do(c.SubmitJobs(spec))
    return farm, spec


# --- what is looked at --------------------------------------------------------------------------------------------


def orders(farm: SmallFarm) -> object:
    """Everything that hosts are told to run, but for what is a fresh id each time."""
    farm.plan()
    return [
        (
            order.job_name,
            order.frame_name,
            order.command,
            sorted((k, v) for k, v in order.environment.items() if "ID" not in k),
            order.user,
            order.uid,
            order.shot,
            order.os,
            order.cores,
            order.memory,
            order.gpus,
        )
        for _, found in farm.orders.launches
        for order in found
    ]


def booked(farm: SmallFarm) -> object:
    """How many frames a host gets."""
    return len(farm.plan())


def frames(farm: SmallFarm) -> object:
    """The states of all frames, by layer."""
    return sorted((layer.name, layer.frames.state.tolist()) for layer in farm.farm.layers.values())


def after_failure(farm: SmallFarm) -> object:
    """What becomes of a frame that ran for an hour and failed."""
    run = farm.plan()[0]
    farm.wait(HOUR // 1_000_000)
    farm.end(run, 1, run_s=HOUR / 1_000_000)
    return frames(farm)


def kept(kind: str, *fields: str) -> Look:
    """What things of a kind are known by."""
    return lambda farm: sorted(repr([getattr(x, name) for name in fields]) for x in farm.farm.table(kind).values())


SECOND_LAYER = '<layer name="comp" type="Util"><cmd>true</cmd><range>1-4</range><cores>0.1</cores></layer>'
WAITS = '<depend type="{type}"{more}><depjob>one</depjob>{er}<onjob>one</onjob>{on}</depend>'


def waits(type: str = "LAYER_ON_LAYER", *, er: str = "layer", on: str = "layer", more: str = "", **_: str) -> str:
    """A depend of `comp` on `render`."""
    sides = {
        "erlayer": "<deplayer>comp</deplayer>",
        "onlayer": "<onlayer>render</onlayer>",
        "erframe": "<depframe>0002-comp</depframe>",
        "onframe": "<onframe>0003-render</onframe>",
    }
    return WAITS.format(type=type, more=more, er=sides[f"er{er}"], on=sides[f"on{on}"])


def depending(**words: Any) -> dict[str, str]:
    """Parts with two layers and a depend between them."""
    return {"more": SECOND_LAYER, "depends": waits(**words)}


FULL_NAME = waits(more=' onfullname="true"').replace("<onjob>one", "<onjob>testing-sh1-ann_one")
NO_DEPEND: dict[str, str] = {"more": SECOND_LAYER}
GPU = {"layer.gpus": "<gpus>1</gpus>"}

EFFECTS: dict[str, tuple[dict[str, str], dict[str, str], Look]] = {
    # path: parts without it, or with another value; parts with it; what differs
    "spec.facility": ({}, {"spec.facility": "<facility>cloud</facility>"}, booked),
    "spec.show": ({}, {"spec.show": "<show>other</show>"}, orders),
    "spec.shot": ({}, {"spec.shot": "<shot>sh2</shot>"}, orders),
    "spec.user": ({}, {"spec.user": "<user>bob</user>"}, orders),
    "spec.uid": ({}, {"spec.uid": "<uid>1234</uid>"}, orders),
    "spec.job": ({}, {"job@name": 'name="two"'}, orders),
    "spec.depends": (NO_DEPEND, depending(), frames),
    "spec@cuefarm": ({}, {"layer@maxretries": 'maxretries="0"'}, after_failure),
    "job@name": ({}, {"job@name": 'name="two"'}, orders),
    "job.paused": ({}, {"job.paused": "<paused>true</paused>"}, booked),
    "job.priority": ({}, {"job.priority": "<priority>90</priority>"}, kept("job", "priority")),
    "job.maxretries": ({}, {"job.maxretries": "<maxretries>0</maxretries>"}, after_failure),
    "job.maxcores": ({}, {"job.maxcores": "<maxcores>2</maxcores>"}, booked),
    "job.maxgpus": (GPU, {**GPU, "job.maxgpus": "<maxgpus>1</maxgpus>"}, booked),
    "job.autoeat": ({}, {"job.autoeat": "<autoeat>true</autoeat>"}, after_failure),
    "job.os": ({}, {"job.os": "<os>solaris</os>"}, booked),
    "job.env": ({}, {"job.env": '<env><key name="A">1</key></env>'}, orders),
    "job.layers": ({}, NO_DEPEND, frames),
    "layer@name": ({}, {"layer@name": 'name="beauty"'}, orders),
    "layer@type": ({"more": SECOND_LAYER}, {"more": SECOND_LAYER, "layer@type": 'type="Post"'}, booked),
    "layer@maxcores": ({}, {"layer@maxcores": 'maxcores="2"'}, kept("layer", "max_cores")),
    "layer@maxretries": ({}, {"layer@maxretries": 'maxretries="0"'}, after_failure),
    "layer.cmd": ({}, {"layer.cmd": "<cmd>false</cmd>"}, orders),
    "layer.range": ({}, {"layer.range": "<range>1-2</range>"}, booked),
    "layer.chunk": ({}, {"layer.chunk": "<chunk>2</chunk>"}, booked),
    "layer.cores": ({}, {"layer.cores": "<cores>2.0</cores>"}, orders),
    "layer.threadable": ({}, {"layer.threadable": "<threadable>true</threadable>"}, orders),
    "layer.memory": ({}, {"layer.memory": "<memory>2g</memory>"}, orders),
    "layer.gpus": ({}, GPU, orders),
    "layer.gpu": (GPU, {**GPU, "layer.gpu": "<gpu>6g</gpu>"}, booked),
    "layer.gpu_memory": (GPU, {**GPU, "layer.gpu_memory": "<gpu_memory>6g</gpu_memory>"}, booked),
    "layer.timeout": (
        {"job.maxretries": "<maxretries>3</maxretries>"},
        {"job.maxretries": "<maxretries>3</maxretries>", "layer.timeout": "<timeout>5</timeout>"},
        after_failure,
    ),
    "layer.timeout_llu": (
        {},
        {"layer.timeout_llu": "<timeout_llu>5</timeout_llu>"},
        kept("layer", "timeout_llu_minutes"),
    ),
    "layer.tags": ({}, {"layer.tags": "<tags>night</tags>"}, booked),
    "layer.limits": ({}, {"layer.limits": "<limits><limit>nuke</limit></limits>"}, booked),
    "layer.env": ({}, {"layer.env": '<env><key name="A">1</key></env>'}, orders),
    "layer.services": (
        {"layer.memory": ""},
        {"layer.memory": "", "layer.services": "<services><service>maya</service></services>"},
        orders,
    ),
    "layer.outputs": ({}, {"layer.outputs": "<outputs><output>/a</output></outputs>"}, kept("layer", "outputs")),
    "depend@type": (depending(), depending(type="FRAME_BY_FRAME"), kept("depend", "type")),
    "depend@anyframe": (depending(), depending(more=' anyframe="true"'), kept("depend", "any_frame")),
    "depend@onfailure": (depending(), depending(more=' onfailure="true"'), kept("depend", "on_failure")),
    "depend@onfullname": (NO_DEPEND, {**NO_DEPEND, "depends": FULL_NAME}, frames),
    "depend.depjob": (NO_DEPEND, depending(), frames),
    "depend.deplayer": (NO_DEPEND, depending(), frames),
    "depend.depframe": (depending(), depending(type="FRAME_ON_LAYER", er="frame"), frames),
    "depend.onjob": (NO_DEPEND, depending(), frames),
    "depend.onlayer": (NO_DEPEND, depending(), frames),
    "depend.onframe": (depending(), depending(type="LAYER_ON_FRAME", on="frame"), kept("depend", "on_frame")),
}

WARNED: dict[str, str] = {
    "spec.dept": "<dept>lighting</dept>",
    "spec.email": "<email>ann@studio.org</email>",
}
"""What is taken and changes nothing: an element of each."""

ELSEWHERE = {"job.localbook": "wire/test_partitions.py: its user's own host renders the job, too"}
"""Elements whose effect other tests show, and which."""


def read_by_the_reader() -> set[str]:
    """Every element and attribute that the reader knows, as a path."""
    found = {f"spec.{tag}" for tag in reader._SPEC_CHILDREN} | {"spec@cuefarm", "job@name"}
    found |= {f"job.{tag}" for tag in reader._JOB_CHILDREN}
    found |= {f"layer.{tag}" for tag in layers._CHILDREN} | {f"layer@{name}" for name in layers._ATTRIBUTES_EXTENDED}
    found |= {f"depend.{tag}" for tag in depends._CHILDREN}
    return found | {f"depend@{name}" for name in depends._ATTRIBUTES_EXTENDED}


def test_every_element_has_a_row() -> None:
    """A new element is walked too: it has an effect, or a warning."""
    assert not set(EFFECTS) & set(WARNED)
    assert set(EFFECTS) | set(WARNED) | set(ELSEWHERE) == read_by_the_reader()


@pytest.mark.parametrize("path", EFFECTS)
def test_what_an_element_says_happens(path: str) -> None:
    """What is run, where, or what becomes of it is other than without it, and there is no warning."""
    without, with_it, look = EFFECTS[path]
    (farm, _), (other, spec) = launched(without), launched(with_it)
    assert look(farm) != look(other)
    assert list(spec_warnings(spec, other.farm)) == []


@pytest.mark.parametrize("path", WARNED)
def test_what_changes_nothing_is_warned_of_by_name(path: str) -> None:
    """The warning names the element, and that is all that the element does."""
    farm, spec = launched({path: WARNED[path]})
    (warning,) = spec_warnings(spec, farm.farm)
    assert path.partition(".")[2] in warning.split(":")[0]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"layer.limits": "<limits><limit>renderman</limit></limits>"}, "there is no limit 'renderman'"),
        ({"layer.services": "<services><service>katana9</service></services>"}, "there is no service 'katana9'"),
    ],
)
def test_a_name_that_means_nothing_on_this_farm_is_warned_of(parts: dict[str, str], words: str) -> None:
    """A limit or a service that does not exist changes nothing."""
    farm, spec = launched(parts)
    (warning,) = spec_warnings(spec, farm.farm)
    assert words in warning
