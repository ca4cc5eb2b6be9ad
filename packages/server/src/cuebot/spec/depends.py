"""The `<depends>` of a job spec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from cuebot.domain import names
from cuebot.domain.errors import LimitExceeded, quoted
from cuebot.spec.context import Context, located
from cuebot.spec.model import DependSpec, DependType, SpecError
from cuebot.spec.values import check_bytes, is_true, required_text
from cuebot.spec.xml_tree import Element

Scope = Literal["job", "layer", "frame"]

SCOPES: dict[DependType, tuple[Scope, Scope]] = {
    "JOB_ON_JOB": ("job", "job"),
    "JOB_ON_LAYER": ("job", "layer"),
    "JOB_ON_FRAME": ("job", "frame"),
    "LAYER_ON_JOB": ("layer", "job"),
    "LAYER_ON_LAYER": ("layer", "layer"),
    "LAYER_ON_FRAME": ("layer", "frame"),
    "FRAME_ON_JOB": ("frame", "job"),
    "FRAME_ON_LAYER": ("frame", "layer"),
    "FRAME_ON_FRAME": ("frame", "frame"),
    "FRAME_BY_FRAME": ("layer", "layer"),
    "PREVIOUS_FRAME": ("layer", "layer"),
    "LAYER_ON_SIM_FRAME": ("layer", "frame"),
}
"""What waits and what is waited for, by type; it decides which elements must be there."""

_CHILDREN = ("depjob", "deplayer", "depframe", "onjob", "onlayer", "onframe")
_ATTRIBUTES = ("type", "anyframe")
_ATTRIBUTES_EXTENDED = (*_ATTRIBUTES, "onfullname", "onfailure")
_TYPES: dict[str, DependType] = {name: name for name in get_args(DependType)}


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a dependency."""

    job: str
    layer: str | None
    frame: int | None


def read_depends(root: Element, context: Context) -> Iterator[DependSpec]:
    """Return all dependencies of a document in its order.

    Raises:
        SpecError: of an unknown type, or without an element that its type needs.
        LimitExceeded: too many.
    """
    sections = list(root.all("depends"))
    given = sum(len(section.children) for section in sections)
    if given > context.bounds.depends_per_spec:
        raise LimitExceeded(
            "job spec, depends",
            "depends",
            given=given,
            limit="depends_per_spec",
            allowed=context.bounds.depends_per_spec,
        )
    for section in sections:
        context.warn_unknown(section, ("depend",), (), repeated=("depend",))
        for element in section.all("depend"):
            yield _read_depend(element, context)


def _read_depend(element: Element, context: Context) -> DependSpec:
    """Read one dependency."""
    context.warn_unknown(element, _CHILDREN, _ATTRIBUTES_EXTENDED if context.extended else _ATTRIBUTES)
    type_text = element.attributes.get("type", "").strip()
    depend_type = _TYPES.get(type_text.upper())
    if depend_type is None:
        raise SpecError(element.path, f'type "{quoted(type_text)}" is not known. Accepted: {", ".join(_TYPES)}.')
    er_scope, on_scope = SCOPES[depend_type]
    on_full_name = context.extended and is_true(element.attributes.get("onfullname", ""))
    er = _read_side(element, "dep", er_scope, depend_type, context, full_name=False)
    on = _read_side(element, "on", on_scope, depend_type, context, full_name=on_full_name)
    if er == on and er_scope == "frame":
        raise SpecError(element.path, f"frame {names.frame_name(er.frame or 0, er.layer or '')} waits for itself.")
    any_frame = is_true(element.attributes.get("anyframe", ""))
    if any_frame and depend_type != "LAYER_ON_LAYER":
        context.warn(element, f"anyframe has a meaning for LAYER_ON_LAYER only and was ignored for {depend_type}")
        any_frame = False
    return DependSpec(
        type=depend_type,
        any_frame=any_frame,
        on_failure=context.extended and is_true(element.attributes.get("onfailure", "")),
        er_job=er.job,
        er_layer=er.layer,
        er_frame=er.frame,
        on_job=on.job,
        on_layer=on.layer,
        on_frame=on.frame,
    )


def _read_side(
    depend: Element, prefix: str, scope: Scope, depend_type: DependType, context: Context, *, full_name: bool
) -> _Side:
    """Read the elements `PREFIXjob`, `PREFIXlayer` and `PREFIXframe`, as far as the scope needs them."""
    for unused in {"job": ("layer", "frame"), "layer": ("frame",), "frame": ()}[scope]:
        element = depend.first(prefix + unused)
        if element is not None:
            context.warn(element, f"it has no meaning for {depend_type} and was ignored")
    job = _read_job(depend, prefix + "job", context, full_name=full_name)
    if scope == "job":
        return _Side(job, None, None)
    if scope == "layer":
        element, text = required_text(depend, prefix + "layer", f"the name of a layer, which {depend_type} needs")
        return _Side(job, located(element, names.conform_name, "layer", text, context.bounds), None)
    element, text = required_text(depend, prefix + "frame", f"{names.FRAME_NAME_RULE}, which {depend_type} needs")
    frame, layer = located(element, names.parse_frame_name, text, context.bounds)
    said_layer = depend.first(prefix + "layer")
    if said_layer is not None and said_layer.text.replace("-", "_").lower() != layer:
        context.warn(said_layer, f'it was ignored, since {prefix}frame names a frame of layer "{layer}"')
    return _Side(job, layer, frame)


def _read_job(depend: Element, tag: str, context: Context, *, full_name: bool) -> str:
    """Read the name of a job; a short name gets this document's show, shot and user."""
    element, text = required_text(depend, tag, "the name of a job")
    if full_name:
        check_bytes(element, text, "job_name_bytes", context.bounds)
        return text.lower()
    return located(element, names.job_name, context.show, context.shot, context.user, text, context.bounds)
