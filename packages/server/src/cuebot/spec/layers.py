"""The `<layer>` elements of a job spec."""

from __future__ import annotations

import re

from cuebot.domain import names
from cuebot.domain.errors import LimitExceeded, quoted
from cuebot.domain.tags import read_tags
from cuebot.spec import values
from cuebot.spec.context import Context, located
from cuebot.spec.model import LayerSpec, LayerType, SpecError
from cuebot.spec.xml_tree import Element

_CHILDREN = (
    "cmd",
    "range",
    "chunk",
    "cores",
    "threadable",
    "memory",
    "gpus",
    "gpu",
    "gpu_memory",
    "timeout",
    "timeout_llu",
    "tags",
    "limits",
    "env",
    "services",
    "outputs",
)
_ATTRIBUTES = ("name", "type")
_ATTRIBUTES_EXTENDED = (*_ATTRIBUTES, "maxcores", "maxretries")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPES: dict[str, LayerType] = {"render": "RENDER", "util": "UTIL", "post": "POST"}


def read_layer(element: Element, context: Context) -> LayerSpec:
    """Read one layer.

    Raises:
        SpecError: something is missing or not accepted.
        LimitExceeded: something is too long or too many.
    """
    known_attributes = _ATTRIBUTES_EXTENDED if context.extended else _ATTRIBUTES
    context.warn_unknown(element, _CHILDREN, known_attributes, repeated=("env",))
    bounds = context.bounds
    name = located(element, names.conform_name, "layer", element.attributes.get("name", "").strip(), bounds)
    command_element, command = values.required_text(element, "cmd", "a command line")
    command = _with_escaped_end(command_element, command)
    values.check_length(command_element, command, "command_characters", bounds)
    values.check_bytes(command_element, command, "argument_bytes", bounds)
    chunk = values.optional_integer(element, "chunk", minimum=1) or 1
    range_element, range_text = values.required_text(element, "range", "frames such as 1-100 or 1-100x2,200")
    frame_count = located(range_element, context.frame_count, range_text, chunk)
    cores = element.first("cores")
    memory = element.first("memory")
    gpu_memory = element.first("gpu_memory") or element.first("gpu")
    threadable = element.first("threadable")
    return LayerSpec(
        name=name,
        type=_layer_type(element),
        command=command,
        range_text=range_text,
        chunk=chunk,
        frame_count=frame_count,
        cores=values.layer_cores(cores, bounds, context.warn) if cores and cores.text else None,
        max_cores=_max_cores(element, context),
        threadable=read_boolean(threadable, context) if threadable and threadable.text else None,
        memory_kib=_memory_kib(memory, values.MEMORY_KIB_MIN, context),
        gpus=values.optional_integer(element, "gpus", minimum=0),
        gpu_memory_kib=_memory_kib(gpu_memory, 0, context),
        timeout_minutes=values.optional_integer(element, "timeout", minimum=0),
        timeout_llu_minutes=values.optional_integer(element, "timeout_llu", minimum=0),
        max_retries=_max_retries(element, context),
        tags=_tags(element, context),
        limits=_listed(element, "limits", "limit", "listed_name_characters", context),
        env=read_environment(element, context),
        services=_listed(element, "services", "service", "listed_name_characters", context),
        outputs=_listed(element, "outputs", "output", "output_path_characters", context),
    )


def read_boolean(element: Element, context: Context) -> bool:
    """Read yes or no; a word that is neither is no, with a warning."""
    text = element.text.lower()
    if text not in values.TRUE_WORDS and text not in values.FALSE_WORDS:
        context.warn(element, f'"{quoted(text)}" is taken as no. Accepted: true, yes, 1, on; false, no, 0, off')
    return values.is_true(text)


def read_environment(parent: Element, context: Context) -> dict[str, str]:
    """Read all `<env>` of a job or layer, values to the letter; a later key replaces an earlier one.

    Raises:
        SpecError: a key without a name, or with one that no environment can hold.
        LimitExceeded: a key, a value or the whole is too long.
    """
    environment: dict[str, str] = {}
    bounds = context.bounds
    for section in parent.all("env"):
        context.warn_unknown(section, ("key",), (), repeated=("key",))
        for element in section.all("key"):
            key, value = element.attributes.get("name", ""), element.exact_text
            if not key or "=" in key or key != key.strip() or not key.isprintable():
                raise SpecError(
                    element.path,
                    f'"{quoted(key)}" names no variable. Accepted: name="VARIABLE", no "=", no blanks around it.',
                )
            if not _IDENTIFIER.fullmatch(key):
                context.warn(element, "shells may drop a variable whose name is not letters, digits and underscores")
            values.check_length(element, key, "environment_key_characters", bounds)
            values.check_length(element, value, "environment_value_characters", bounds)
            values.check_bytes(element, f"{key}={value}", "argument_bytes", bounds)
            environment[key] = value
    characters = sum(len(key) + len(value) for key, value in environment.items())
    if characters > bounds.environment_characters:
        raise LimitExceeded(
            f"job spec, {parent.path} / env",
            "characters",
            given=characters,
            limit="environment_characters",
            allowed=bounds.environment_characters,
        )
    return environment


def _with_escaped_end(element: Element, command: str) -> str:
    """Return a command with the blank at its end that a backslash makes part of a word, which trimming took away."""
    backslashes = len(command) - len(command.rstrip("\\"))
    rest = element.exact_text.lstrip()[len(command) :]
    return command + rest[:1] if backslashes % 2 else command


def _layer_type(element: Element) -> LayerType:
    """Read the type of a layer."""
    text = element.attributes.get("type", "").strip()
    layer_type = _TYPES.get(text.lower())
    if layer_type is None:
        raise SpecError(element.path, f'type "{quoted(text)}" is not known. Accepted: Render, Util, Post.')
    return layer_type


def _memory_kib(element: Element | None, minimum_kib: int, context: Context) -> int | None:
    """Read an amount of memory that may be left out."""
    if not element or not element.text:
        return None
    return values.memory_kib(element, minimum_kib, context.bounds, context.warn)


def _max_cores(element: Element, context: Context) -> int | None:
    """Read the most cores that a frame of the layer may get, which only this farm's grammar has."""
    text = element.attributes.get("maxcores", "").strip() if context.extended else ""
    return values.decimal_centicores(f"{element.path} / maxcores", text, context.bounds) if text else None


def _max_retries(element: Element, context: Context) -> int | None:
    """Read how often a frame of the layer is tried again, which only this farm's grammar has."""
    text = element.attributes.get("maxretries", "").strip() if context.extended else ""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > context.bounds.job_retries:
        raise SpecError(
            f"{element.path} / maxretries",
            f'"{quoted(text)}" is not accepted. Accepted: a whole number from 0 to {context.bounds.job_retries} '
            "(job_retries).",
        )
    return int(text)


def _tags(layer: Element, context: Context) -> tuple[str, ...] | None:
    """Read the tags of hosts that may run the layer; none said is none wanted."""
    element = layer.first("tags")
    if element is None or not element.text:
        return None
    tags = located(element, read_tags, element.text, context.bounds)
    if not tags:
        raise SpecError(
            element.path, f'"{quoted(element.text)}" has separators and no tag. Accepted: tags, or nothing at all.'
        )
    return tags


def _listed(layer: Element, tag: str, item_tag: str, length_limit: str, context: Context) -> tuple[str, ...]:
    """Read a list of names or paths, without blank ones and repeats."""
    section = layer.first(tag)
    if section is None:
        return ()
    context.warn_unknown(section, (item_tag,), (), repeated=(item_tag,))
    items = list(section.all(item_tag))
    _check_count(section, len(items), context)
    for item in items:
        values.check_length(item, item.text, length_limit, context.bounds)
    return values.distinct([item.text for item in items])


def _check_count(element: Element, given: int, context: Context) -> None:
    """Refuse a list with too many entries."""
    allowed = context.bounds.names_per_list
    if given > allowed:
        raise LimitExceeded(
            f"job spec, {element.path}", "entries", given=given, limit="names_per_list", allowed=allowed
        )
