"""What is taken and changes nothing: each is answered with a warning, so that nobody waits for what will not happen.

A warning travels in the trailing metadata `cuefarm-warning`, percent-encoded, one value a warning. A test holds that
every setter that stands neither here nor changes anything is found out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cuebot.domain.errors import quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import NOBODYS_DOMAIN
from cuebot.queries.hosts import tags_of_hosts
from cuebot.spec import Spec

_JOB_MINIMUM: Final = (
    "a job's minimum is kept and shown, and reserves nothing; set a higher priority, or a minimum of cores on its group"
)
_GPU_MINIMUM: Final = (
    "a group's minimum of GPUs is kept and shown, and reserves nothing; only its minimum of cores does"
)
MAX_GPUS: Final = (
    "the most GPUs of a frame are kept and shown; a frame gets the GPUs that it asks for at least, and no more"
)

SETTERS_WITHOUT_EFFECT: Final[dict[str, dict[str, str]]] = {
    "facility.AllocationInterface": {
        "SetBillable": "whether an allocation is billable is kept and shown, and nothing is charged here"
    },
    "host.HostInterface": {
        "SetThreadMode": "a host's thread mode is kept and shown; frames get the cores that their layers ask for",
        "SetOs": "the host's next report, within 10 s, says again which operating systems it has",
    },
    "job.GroupInterface": {
        "SetMinGpus": _GPU_MINIMUM,
        "SetDefaultJobMinCores": _JOB_MINIMUM,
        "SetDefaultJobMinGpus": _JOB_MINIMUM,
    },
    "job.JobInterface": {"SetMinCores": _JOB_MINIMUM, "SetMinGpus": _JOB_MINIMUM},
    "job.LayerInterface": {"SetMaxGpus": MAX_GPUS},
    "show.ShowInterface": {
        "SetCommentEmail": "the address is kept, but comments are not mailed",
        "SetSchedulerManaged": "it is kept and shown; this server has one scheduler, which books every show's frames",
        "SetDefaultMinCores": _JOB_MINIMUM,
        "SetDefaultMinGpus": _JOB_MINIMUM,
    },
}
"""Words by service and RPC."""

UNBOOK: Final = (
    "nothing was changed: a proc ends with its frame and gives its cores back then; unbook with kill to end it"
)

NOT_REDIRECTED: Final = (
    "nothing was changed: whoever was to have the places has no frame that waits and would fit into one,"
    " or the procs are its own"
)


def spec_warnings(spec: Spec, farm: Farm) -> Iterator[str]:
    """What of a specification was ignored or changed, and which of its names mean nothing on this farm."""
    yield from spec.warnings
    if spec.email and not spec.email.endswith(NOBODYS_DOMAIN) and not farm.settings.mail_host:
        yield "spec / email: it is kept, but this server sends no mail: the setting mail_host names no mail server"
    show = farm.show_for_jobs(spec.show)
    if farm.archived_show(spec.show):
        yield f"spec / show: {quoted(repr(spec.show))} was archived; jobs of its name go to {show.name!r}"
    tags = tags_of_hosts(farm)
    said: set[tuple[str, str]] = set()
    for job in spec.jobs:
        for layer in job.layers:
            unknown = [("limit", name) for name in layer.limits if name not in farm.limit_by_name]
            unknown += [
                ("service", name)
                for name in layer.services
                if not _is_service(farm, show.id, name) and name.lower() not in tags
            ]
            for kind, name in unknown:
                if (kind, name) not in said:
                    said.add((kind, name))
                    yield f'job "{job.name}" / layer "{layer.name}": {_UNKNOWN[kind].format(quoted(repr(name)))}'


def _is_service(farm: Farm, show_id: str, name: str) -> bool:
    return name in farm.service_by_name or (show_id, name) in farm.override_of


_UNKNOWN: Final = {
    "limit": "there is no limit {}, so it counts nothing until somebody makes one",
    "service": "there is no service {}, and no host with such a tag: the layer has the values of `default`",
}
