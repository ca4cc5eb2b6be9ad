"""Job-spec XML of all versions of its grammar, 1.5 to 1.15, to a `Spec`.

Elements may stand in any order and the DOCTYPE may be missing. What is not known is ignored with a warning. What is
wrong is refused with the element's path and what is accepted there. A root `<spec cuefarm="1">` opens what this farm
adds: `timelimit` on `<job>`, `maxcores` and `maxretries` on `<layer>`, `onfullname` on `<depend>`.
"""

from __future__ import annotations

from functools import partial

from cuebot.domain import names
from cuebot.domain.bounds import DEFAULT_BOUNDS, INT32_MAX, Bounds
from cuebot.domain.errors import LimitExceeded, quoted
from cuebot.domain.frame_command import expanded_bytes_max
from cuebot.spec import values
from cuebot.spec.context import Context, located
from cuebot.spec.depends import read_depends
from cuebot.spec.layers import read_boolean, read_environment, read_layer
from cuebot.spec.model import JobSpec, LayerSpec, Spec, SpecError
from cuebot.spec.xml_tree import Element, read_tree

EXTENSION_VERSION = "1"
KNOWN_VERSIONS = tuple(f"1.{minor}" for minor in range(5, 16))

_SPEC_CHILDREN = ("facility", "dept", "show", "shot", "user", "email", "uid", "job", "depends")
_JOB_CHILDREN = (
    "paused",
    "priority",
    "maxretries",
    "maxcores",
    "maxgpus",
    "autoeat",
    "localbook",
    "os",
    "env",
    "layers",
)
_DEFAULT_RETRIES = 1
_STAMP_MAX_MS = 9_999_999_999_999
"""The time in the name of a job of Post layers has thirteen digits until the year 2286."""


def parse_spec(data: bytes | str, bounds: Bounds = DEFAULT_BOUNDS, *, allow_root: bool = False) -> Spec:
    """Return what a job specification says.

    `allow_root` lets root own jobs, for a farm that root runs on one machine; the user id 0 is then "not said", so that
    agents run such frames as the user that they run as.

    Raises:
        SpecError: it cannot be used; the message names the element and what is accepted.
        LimitExceeded: it is larger than one of `bounds`.
    """
    root, version = read_tree(data, bounds)
    if root.tag != "spec":
        raise SpecError(root.path, "it is not the root of a job spec. Accepted: <spec>.")
    context = Context(bounds, _is_extended(root))
    context.warn_unknown(root, _SPEC_CHILDREN, ("cuefarm",), repeated=("job", "depends"))
    if version is not None and version not in KNOWN_VERSIONS:
        context.warn(root, f"version {version} of the grammar is read as {KNOWN_VERSIONS[-1]}")
    department = root.first("dept")
    if department is not None:
        context.warn(department, "it was ignored, the show's department counts")

    context.show = _text(root, "show", "the name of a show", "show_name_characters", bounds)
    shot_element, shot = values.required_text(root, "shot", "the name of a shot")
    context.shot = located(shot_element, names.conform_name, "shot", shot, bounds)
    user_element, context.user = values.required_text(root, "user", "the name of the person whose work it is")
    located(user_element, partial(names.check_user, allow_root=allow_root), context.user, bounds)

    jobs = _read_jobs(root, context)
    depends = tuple(read_depends(root, context))
    facility = _text_or_none(root, "facility", "listed_name_characters", bounds)
    return Spec(
        version=version,
        facility=facility.lower() if facility else None,
        show=context.show,
        shot=context.shot,
        user=context.user,
        email=_text_or_none(root, "email", "email_characters", bounds),
        uid=_uid(root, allow_root),
        jobs=jobs,
        depends=depends,
        warnings=context.all_warnings(),
    )


def _is_extended(root: Element) -> bool:
    """Tell whether the document asks for this farm's additions to the grammar."""
    text = root.attributes.get("cuefarm")
    if text is not None and text.strip() != EXTENSION_VERSION:
        raise SpecError(root.path, f'cuefarm="{quoted(text)}" is not known. Accepted: cuefarm="{EXTENSION_VERSION}".')
    return text is not None


def _read_jobs(root: Element, context: Context) -> tuple[JobSpec, ...]:
    """Read all jobs, whose names must differ."""
    elements = list(root.all("job"))
    if len(elements) > context.bounds.jobs_per_spec:
        raise LimitExceeded(
            "job spec, spec", "jobs", given=len(elements), limit="jobs_per_spec", allowed=context.bounds.jobs_per_spec
        )
    jobs: dict[str, JobSpec] = {}
    for element in elements:
        job = _read_job(element, context)
        if job.name in jobs:
            raise SpecError(element.path, f'a second job with the full name "{job.name}". Accepted: each name once.')
        jobs[job.name] = job
    return tuple(jobs.values())


def _read_job(element: Element, context: Context) -> JobSpec:
    """Read one job."""
    attributes = ("name", "timelimit") if context.extended else ("name",)
    context.warn_unknown(element, _JOB_CHILDREN, attributes, repeated=("env", "layers", "localbook"))
    bounds = context.bounds
    given_name = element.attributes.get("name", "").strip()
    identity = (context.show, context.shot, context.user, given_name, bounds)
    local = element.first("localbook")
    if local is not None:
        context.warn(local, "frames on the submitter's own machine are not offered, so it was ignored")
    paused, autoeat = element.first("paused"), element.first("autoeat")
    max_cores = element.first("maxcores")
    priority = values.optional_integer(element, "priority", minimum=-INT32_MAX)
    name = located(element, names.job_name, *identity)
    return JobSpec(
        name=name,
        short_name=located(element, names.job_suffix, *identity),
        paused=paused is not None and read_boolean(paused, context),
        priority=priority,
        max_retries=_max_retries(element, context),
        max_cores=values.maximum_cores(max_cores) if max_cores and max_cores.text else None,
        max_gpus=values.optional_integer(element, "maxgpus", minimum=-1),
        autoeat=autoeat is not None and read_boolean(autoeat, context),
        os=_text_or_none(element, "os", "os_name_characters", bounds),
        time_limit_minutes=_time_limit(element, context),
        env=read_environment(element, context),
        layers=_read_layers(element, name, context),
    )


def _read_layers(job: Element, job_name: str, context: Context) -> tuple[LayerSpec, ...]:
    """Read the layers of a job, whose names must differ and whose frames are counted."""
    bounds = context.bounds
    layers: dict[str, LayerSpec] = {}
    for section in job.all("layers"):
        context.warn_unknown(section, ("layer",), (), repeated=("layer",))
        for element in section.all("layer"):
            layer = read_layer(element, context)
            _check_frames(element, job_name, layer, context)
            if layer.name in layers:
                raise SpecError(element.path, f'a second layer with the name "{layer.name}". Accepted: each name once.')
            layers[layer.name] = layer
            context.frames_so_far += layer.frame_count
            if context.frames_so_far > bounds.frames_per_spec:
                raise LimitExceeded(
                    f"job spec, {element.path}",
                    "frames up to here",
                    given=context.frames_so_far,
                    limit="frames_per_spec",
                    allowed=bounds.frames_per_spec,
                )
    working = sum(layer.type != "POST" for layer in layers.values())
    if not working:
        raise SpecError(
            f"{job.path} / layers", "it has no layer to run. Accepted: at least one that is not a Post layer."
        )
    if working > bounds.layers_per_job:
        raise LimitExceeded(
            f"job spec, {job.path}", "layers", given=working, limit="layers_per_job", allowed=bounds.layers_per_job
        )
    return tuple(layers.values())


def _check_frames(element: Element, job_name: str, layer: LayerSpec, context: Context) -> None:
    """Refuse a layer whose frames could have no logs, or whose command could not be started."""
    if layer.type == "POST":
        job_name = names.post_job_name(context.show, context.shot, context.user, job_name, _STAMP_MAX_MS)
        located(element, names.check_job_name, job_name, context.bounds)
    number = context.longest_number(layer.range_text, layer.chunk)
    located(element, names.check_log_name, job_name, layer.name, len(str(number)), context.bounds)

    given = expanded_bytes_max(
        layer.command,
        frame_number=number,
        layer=layer.name,
        job=job_name,
        chunk=layer.chunk,
        range_text=layer.range_text,
        bounds=context.bounds,
    )
    if given > context.bounds.argument_bytes:
        raise LimitExceeded(
            f"job spec, {element.path} / cmd",
            "bytes with its tokens replaced",
            given=given,
            limit="argument_bytes",
            allowed=context.bounds.argument_bytes,
        )


def _max_retries(job: Element, context: Context) -> int:
    """Read how often a frame is tried again; a number outside the bounds is moved to the nearest, with a warning."""
    element = job.first("maxretries")
    if element is None or not element.text:
        return _DEFAULT_RETRIES
    given = values.integer(element, element.text, -INT32_MAX)
    retries = min(max(given, 0), context.bounds.job_retries)
    if retries != given:
        context.warn(
            element, f"{given} is taken as {retries}. Accepted: 0 to {context.bounds.job_retries} (job_retries)"
        )
    return retries


def _time_limit(job: Element, context: Context) -> int:
    """Read for how many minutes a job may go on; 0 for ever."""
    text = job.attributes.get("timelimit", "").strip() if context.extended else ""
    if text and not (text.isascii() and text.isdecimal() and int(text[:11]) <= INT32_MAX):
        raise SpecError(f"{job.path} / timelimit", f'"{quoted(text)}" is no number of minutes. Accepted: 0 or more.')
    return int(text or 0)


def _uid(root: Element, allow_root: bool) -> int | None:
    """Read the numeric user id; root's is refused, or dropped where root is allowed."""
    element = root.first("uid")
    if element is not None and element.text == "0":
        if allow_root:
            return None
        raise SpecError(element.path, "0 is root, who may not own jobs. Submit as the person whose work it is.")
    return values.optional_integer(root, "uid", minimum=1)


def _text(parent: Element, tag: str, accepted: str, limit: str, bounds: Bounds) -> str:
    """Read a text that must be there."""
    element, text = values.required_text(parent, tag, accepted)
    values.check_length(element, text, limit, bounds)
    return text


def _text_or_none(parent: Element, tag: str, limit: str, bounds: Bounds) -> str | None:
    """Read a text that may be left out."""
    element = parent.first(tag)
    if element is None or not element.text:
        return None
    values.check_length(element, element.text, limit, bounds)
    return element.text
