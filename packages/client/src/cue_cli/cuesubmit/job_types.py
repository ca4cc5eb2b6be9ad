"""What can be submitted: the kinds of layers, and what each of them has to be told."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Tuple

from outline.modules.blender import FORMATS

FILE, CHOICE, LIST, TEXT = "file", "choice", "list", "text"


class Field(NamedTuple):
    """One thing that an application is told."""

    flag: str
    argument: str
    """What the module of the application calls it."""
    label: str
    metavar: str
    kind: str = TEXT
    is_needed: bool = False
    choices: Tuple[str, ...] = ()
    """Of a file its endings, of a choice what can be chosen."""

    @property
    def name(self) -> str:
        """The name of the flag among parsed options."""
        return self.flag.lstrip("-").replace("-", "_")

    def value(self, text: str) -> Any:
        """Return what a text means."""
        if self.kind == LIST:
            return [part for part in text.replace(",", " ").split() if part]
        return text


class JobType(NamedTuple):
    """A kind of layer: `module` of `outline.modules`, and the class of that module."""

    name: str
    module: str
    fields: Tuple[Field, ...]
    setting: str = ""
    """The key of the configuration that names its program."""

    @property
    def layer_name(self) -> str:
        """What a layer is called that was given no name."""
        return self.name.lower()


JOB_TYPES = (
    JobType("Shell", "shell", (Field("--command", "command", "Command", "LINE", is_needed=True),)),
    JobType(
        "Blender",
        "blender",
        (
            Field("--file", "scene", "Blender file", "FILE", FILE, True, (".blend",)),
            Field("--output", "output", "Output path", "PATH"),
            Field("--format", "file_format", "Output format", "FORMAT", CHOICE, choices=FORMATS),
        ),
        "BLENDER_RENDER_CMD",
    ),
    JobType(
        "Maya",
        "maya",
        (
            Field("--file", "scene", "Maya file", "FILE", FILE, True, (".ma", ".mb")),
            Field("--camera", "camera", "Camera", "NAME"),
        ),
        "MAYA_RENDER_CMD",
    ),
    JobType(
        "Nuke",
        "nuke",
        (
            Field("--file", "script", "Nuke file", "FILE", FILE, True, (".nk",)),
            Field("--write-nodes", "write_nodes", "Write nodes", "NAME,...", LIST),
        ),
        "NUKE_RENDER_CMD",
    ),
    JobType(
        "Houdini",
        "houdini",
        (
            Field("--file", "scene", "Houdini file", "FILE", FILE, True, (".hip", ".hiplc", ".hipnc")),
            Field("--driver", "driver", "Output driver", "PATH", is_needed=True),
            Field("--output", "output", "Output path", "PATH"),
        ),
        "HOUDINI_RENDER_CMD",
    ),
)
BY_NAME: Dict[str, JobType] = {job_type.name.lower(): job_type for job_type in JOB_TYPES}


def all_flags() -> List[Tuple[str, str, List[str]]]:
    """Return each flag of an application once, with its metavar and the kinds that have it."""
    found: Dict[str, Tuple[str, List[str]]] = {}
    for job_type in JOB_TYPES:
        for field in job_type.fields:
            found.setdefault(field.flag, (field.metavar, []))[1].append(job_type.name)
    return [(flag, metavar, names) for flag, (metavar, names) in found.items()]
