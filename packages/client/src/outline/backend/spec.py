"""The job specification: an outline as the XML that the server reads.

The order of elements matters, since upstream's server validates it. What that grammar cannot carry is added as
attributes, and only where such a value was set; docs/reference/job-spec.md lists them.
"""

from __future__ import annotations

import logging
import math
import os
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Callable, Dict, List, Optional
from xml.etree import ElementTree

from FileSequence import FrameSet
from outline import util
from outline.backend.launch_place import launch_place
from outline.config import config
from outline.constants import LayerType
from outline.depend import DependType
from outline.exception import LayerException, OutlineException
from outline.names import check_log_names
from outline.waiting import JobDepend

logger = logging.getLogger(__name__)

_HEADER = (
    '<?xml version="1.0"?><!DOCTYPE spec PUBLIC "SPI Cue  Specification Language" '
    '"http://localhost:8080/spcue/dtd/cjsl-{version}.dtd">'
)
_FIRST_VERSION = {
    "priority": (1, 11),
    "maxcores": (1, 13),
    "maxgpus": (1, 13),
    "gpus": (1, 12),
    "gpu_memory": (1, 12),
    "timeout": (1, 10),
    "timeout_llu": (1, 10),
    "outputs": (1, 15),
}
"""The version of the specification that brought an element."""

_ADDITIONS_VERSION = (1, 15)
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MEMORY = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)b?", re.IGNORECASE)
_MB_PER_UNIT = {"k": 1 / 1024, "m": 1, "g": 1024, "": 1024, "t": 1024 * 1024}

LayerCommand = Callable[[Any], str]


def sub_element(root: Any, tag: str, text: object, **attributes: str) -> Any:
    """Append an element with a text and return it."""
    value = str(text)
    what = f"the variable {attributes['name']!r}" if tag == "key" else f"the <{tag}> of the job"
    for given in (value, *attributes.values()):
        bad = _NOT_IN_XML.search(given)
        if bad:
            raise OutlineException(f"{what} has the character {bad[0]!r}, which XML cannot carry: {given!r}")
    element = ElementTree.SubElement(root, tag, attributes)
    element.text = value
    return element


def bool_to_str(value: object) -> str:
    """Return `True` or `False`."""
    return "True" if value else "False"


def scrub_tags(tags: Any) -> str:
    """Return tags, a text or several, separated by `|`, `,` or blanks, as the specification has them: `a | b`."""
    texts = (tags,) if isinstance(tags, str) else tags
    words = [word for text in texts for word in re.split(r"[|,\s]+", str(text)) if word]
    return " | ".join(dict.fromkeys(words))


def memory_text(memory: Any) -> str:
    """Return memory, a number of GB or a text with a unit, as every server reads it: fractions of a GB become MB."""
    text = str(memory).strip()
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise LayerException(f"{text!r} is no amount of memory: write 512m, 2g or a number of GB")
    number, unit = match["number"], match["unit"].lower()
    if "." not in number and unit in ("", "m", "g"):
        return text
    return f"{max(1, round(float(number) * _MB_PER_UNIT[unit]))}m"


class SpecWriter:
    """Writes the specification of one launch; `command_of` gives the command of a layer's frames."""

    def __init__(self, launcher: Any, command_of: LayerCommand, env_in_job: bool) -> None:
        self.__launcher = launcher
        self.__outline = launcher.get_outline()
        self.__command_of = command_of
        self.__env_in_job = env_in_job
        self.__version_text = config.get("outline", "spec_version")
        self.__version = tuple(int(part) for part in self.__version_text.split("."))
        self.__may_add = self.__version >= _ADDITIONS_VERSION and config.getboolean("outline", "spec_additions")
        self.__added = False
        self.__layers = [layer for layer in self.__outline.get_layers() if _is_in_job(layer)]
        if not self.__layers:
            raise OutlineException(
                f"the outline {self.__outline.get_name()} has no layer to launch: none has frames in the range"
            )
        flag = launcher.get_flag
        check_log_names(self.__outline, flag("show"), flag("shot"), flag("user"), self.__layers)

    def write(self) -> str:
        """Return the specification as text."""
        flag = self.__launcher.get_flag
        root = ElementTree.Element("spec")
        sub_element(root, "facility", flag("facility"))
        sub_element(root, "show", flag("show"))
        sub_element(root, "shot", flag("shot"))
        sub_element(root, "user", flag("user"))
        if not flag("nomail"):
            sub_element(root, "email", f"{flag('user')}@{config.get('outline', 'domain')}")
        if util.get_uid() != 0:  # servers refuse 0; without a number the host decides
            sub_element(root, "uid", util.get_uid())
        self.__write_job(root)
        self.__write_depends(ElementTree.SubElement(root, "depends"))
        if self.__added:
            root.set("cuefarm", "1")
        header = _HEADER.format(version=self.__version_text)
        text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
        return header + text.replace("\r", "&#13;")  # a reader makes every other carriage return a line feed

    def __write_job(self, root: Any) -> None:
        flag, outline = self.__launcher.get_flag, self.__outline
        job = ElementTree.SubElement(root, "job", name=outline.get_name())
        self.__write_time_limit(job)
        sub_element(job, "paused", bool_to_str(flag("pause")))
        self.__write_new(job, "priority", flag("priority"))
        sub_element(job, "maxretries", self.__job_retries())
        self.__write_new(job, "maxcores", outline.get_maxcores())
        self.__write_new(job, "maxgpus", outline.get_maxgpus())
        sub_element(job, "autoeat", bool_to_str(flag("autoeat")))
        localbook = outline.get_arg("localbook")
        if localbook:
            ElementTree.SubElement(job, "localbook", {key: str(value) for key, value in localbook.items()})
        if flag("os"):
            sub_element(job, "os", flag("os"))
        env = launch_place()
        env.update({key: value for key, (value, pre) in outline.get_env().items() if pre or self.__env_in_job})
        _write_keys(ElementTree.SubElement(job, "env"), env)
        layers = ElementTree.SubElement(job, "layers")
        for layer in self.__layers:
            self.__write_layer(layers, layer)

    def __write_time_limit(self, job: Any) -> None:
        minutes = self.__outline.get_time_limit()
        if minutes and self.__may_add:
            job.set("timelimit", str(minutes))
            self.__added = True
        elif minutes:
            logger.warning("this server takes no time limit for a job; it is left out")

    def __job_retries(self) -> int:
        wanted = [layer.get_retry_count() for layer in self.__layers if layer.get_retry_count() is not None]
        if self.__may_add or not wanted:
            return self.__launcher.get_flag("maxretries")
        return max(self.__launcher.get_flag("maxretries"), *wanted)  # the closest that such a server can do

    def __write_layer(self, root: Any, layer: Any) -> None:
        element = ElementTree.SubElement(root, "layer", name=layer.get_name(), type=str(LayerType(layer.get_type())))
        self.__add_attribute(element, layer, "maxcores", layer.get_max_cores())
        self.__add_attribute(element, layer, "maxretries", layer.get_retry_count())
        sub_element(element, "cmd", self.__command_of(layer))
        sub_element(element, "range", _range_text(layer))
        sub_element(element, "chunk", layer.get_chunk_size())
        cores = _cores(layer)
        if cores is not None:
            sub_element(element, "cores", _number_with_point(cores))
        if layer.is_arg_set("threadable"):
            sub_element(element, "threadable", bool_to_str(layer.get_arg("threadable")))
        if layer.get_arg("memory"):
            sub_element(element, "memory", memory_text(layer.get_arg("memory")))
        self.__write_gpus(element, layer)
        self.__write_new(element, "timeout", _whole(layer, "timeout"))
        self.__write_new(element, "timeout_llu", _whole(layer, "timeout_llu"))
        tags = os.environ.get("OL_TAG_OVERRIDE") or layer.get_arg("tags")
        if tags:
            sub_element(element, "tags", _tags(layer, tags))
        if layer.get_limits():
            limits = ElementTree.SubElement(element, "limits")
            for limit in layer.get_limits():
                sub_element(limits, "limit", limit)
        _write_keys(ElementTree.SubElement(element, "env"), layer.get_envs())
        services = ElementTree.SubElement(element, "services")
        for service in layer.get_service().split(","):
            sub_element(services, "service", service)
        if self.__knows("outputs"):
            outputs = ElementTree.SubElement(element, "outputs")
            for name, path in layer.get_outputs().items():
                sub_element(outputs, "output", path, name=name)

    def __write_gpus(self, element: Any, layer: Any) -> None:
        gpus, gpu_memory = _whole(layer, "gpus"), layer.get_arg("gpu_memory")
        if gpus or gpu_memory:  # one without the other is no request that a server understands
            self.__write_new(element, "gpus", gpus or 1)
            self.__write_new(element, "gpu_memory", gpu_memory or "1g")

    def __knows(self, tag: str) -> bool:
        return self.__version >= _FIRST_VERSION[tag]

    def __write_new(self, element: Any, tag: str, value: Any) -> None:
        """Write an element that not all versions have; None and False mean that nothing was asked."""
        if value is None or value is False:
            return
        if self.__knows(tag):
            sub_element(element, tag, value)
        else:
            logger.warning("job specification %s has no <%s>; it is left out", self.__version_text, tag)

    def __add_attribute(self, element: Any, layer: Any, name: str, value: Any) -> None:
        if value is None:
            return
        if self.__may_add:
            element.set(name, _short_number(value))
            self.__added = True
        else:
            logger.warning("this server takes no %s for a layer; it is left out for %s", name, layer.get_name())

    # Depends

    def __write_depends(self, root: Any) -> None:
        job_name = self.__outline.get_name()
        for job_depend in self.__outline.get_job_depends():
            self.__write_job_depend(root, job_depend, None)
        written = set()
        for layer in self.__outline.get_layers():
            waiting = _layer_in_job(layer, self.__layers)
            if waiting is None:
                continue
            for job_depend in layer.get_job_depends():
                self.__write_job_depend(root, job_depend, waiting)
            for depend in _depends_with_children(layer):
                target = _layer_in_job(depend.get_depend_on_layer(), self.__layers)
                key = (id(waiting), id(target))
                is_previous = depend.get_type() == DependType.PREVIOUS_FRAME
                if target is None:
                    logger.warning("%r is left out: that layer has no frames in this job", depend)
                if target is None or key in written or (target is waiting and not is_previous):
                    continue
                written.add(key)
                self.__write_depend(root, job_name, waiting, target, depend)

    def __write_depend(self, root: Any, job_name: str, waiting: Any, target: Any, depend: Any) -> None:
        element = ElementTree.SubElement(
            root, "depend", type=depend.get_type(), anyframe=bool_to_str(depend.is_any_frame())
        )
        if depend.is_on_failure():
            if not self.__may_add:
                raise OutlineException(
                    f"layer {waiting.get_name()} runs even if {target.get_name()} fails, which this server lacks"
                )
            element.set("onfailure", "true")
            self.__added = True
        sub_element(element, "depjob", job_name)
        sub_element(element, "deplayer", waiting.get_name())
        sub_element(element, "onjob", job_name)
        if depend.get_type() == DependType.LAYER_ON_SIM_FRAME:
            first = FrameSet(target.get_frame_range())[0]
            sub_element(element, "onframe", f"{first:04d}-{target.get_name()}")
        else:
            sub_element(element, "onlayer", target.get_name())

    def __write_job_depend(self, root: Any, job_depend: JobDepend, waiting: Optional[Any]) -> None:
        type_ = f"{'LAYER' if waiting else 'JOB'}_ON_{'LAYER' if job_depend.layer else 'JOB'}"
        element = ElementTree.SubElement(root, "depend", type=type_, anyframe="False")
        own_prefix = self.__outline.get_full_name()[: -len(self.__outline.get_name())].lower()
        if job_depend.full_name and not job_depend.job.lower().startswith(own_prefix):
            if not self.__may_add:
                raise OutlineException(
                    f"this server can depend only on jobs of the same show, shot and user, not on {job_depend.job}"
                )
            element.set("onfullname", "true")
            self.__added = True
        sub_element(element, "depjob", self.__outline.get_name())
        if waiting is not None:
            sub_element(element, "deplayer", waiting.get_name())
        sub_element(element, "onjob", job_depend.job)
        if job_depend.layer:
            sub_element(element, "onlayer", job_depend.layer)


def _is_in_job(layer: Any) -> bool:
    return layer.get_parent() is None and layer.get_arg("register") and layer.get_frame_range() is not None


def _layer_in_job(layer: Any, layers: List[Any]) -> Optional[Any]:
    """Return the layer whose frames execute this one, or None where none of the job do."""
    while layer.get_parent() is not None:
        layer = layer.get_parent()
    return layer if any(layer is other for other in layers) else None


def _depends_with_children(layer: Any) -> List[Any]:
    depends = list(layer.get_depends())
    for child in layer.get_children():
        depends.extend(_depends_with_children(child))
    return depends


def _range_text(layer: Any) -> str:
    """Return the range as text; with chunks, one that servers put into the same order as `get_local_frame_set`."""
    frame_range = layer.get_frame_range()
    if layer.get_chunk_size() > 1 and ("," in frame_range or ":" in frame_range):
        return util.compact_frame_range(util.disaggregate_frame_set(FrameSet(frame_range)))
    return frame_range


def _cores(layer: Any) -> Optional[float]:
    cores, threads = layer.get_arg("cores"), layer.get_arg("threads")
    if cores is not None and threads is not None:
        logger.warning("layer %s has both cores and threads; cores counts", layer.get_name())
    wanted = cores if cores is not None else threads
    if wanted is None:
        return None
    try:
        number = float(wanted)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise LayerException(f"the cores of layer {layer.get_name()} have to be a number, not {wanted!r}")
    if number and not round(number, 2):  # written as 0, it would be a whole host
        raise LayerException(f"the cores of layer {layer.get_name()} are at least 0.01, or 0, not {wanted!r}")
    return number


def _tags(layer: Any, tags: Any) -> str:
    text = scrub_tags(tags)
    if not text:
        raise LayerException(
            f"the tags of layer {layer.get_name()}, {tags!r}, are separators alone; name a tag or none"
        )
    return text


def _whole(layer: Any, key: str) -> Optional[int]:
    """Return an argument that has to be a whole number, however it was written: 2, 2.0 or `"2"`."""
    value = layer.get_arg(key)
    if value is None or value == "":
        return None
    try:
        number = float(value)
        if number == int(number):
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise LayerException(f"the argument {key!r} of layer {layer.get_name()} has to be a whole number, not {value!r}")


def _number_with_point(value: float) -> str:
    """Return a number of cores with a decimal point: without one the server takes it for hundredths."""
    text = str(Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))
    return text[:-1] if text.endswith("0") else text


def _short_number(value: Any) -> str:
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


def _write_keys(element: Any, values: Dict[str, str]) -> None:
    for key, value in values.items():
        sub_element(element, "key", value, name=key)
