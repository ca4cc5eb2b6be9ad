"""The farm, or some jobs of it, as a nested dictionary: jobs, their layers, their frames.

    jobs = opencue.snapshot("demo-sh010-ann_comp")
    frames = jobs["demo-sh010-ann_comp"]["subjobs"]["beauty"]["frames"]
    for number, frame in frames.items():
        print(number, frame["status"], frame["host"], frame["stdout"])

It is what the farm was when it was taken, and stays so; only logs are read when somebody looks at them. `to_xml` and
`to_json` write it, `from_xml` and `from_json` read it again, and `restore` submits the jobs of one that was taken with
`details=True` on another farm, in the state that they were in.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Iterable, Union

from opencue.snapshot.documents import from_json, from_xml, to_json, to_xml
from opencue.snapshot.restoring import restore
from opencue.snapshot.taking import take
from opencue.wrappers.job import Job

__all__ = ["from_json", "from_xml", "restore", "take", "to_json", "to_xml"]


class _Callable(ModuleType):
    """`opencue.snapshot(...)` is `opencue.snapshot.take(...)`."""

    def __call__(
        self, jobs: Union[str, Job, Iterable[Union[str, Job]], None] = None, *, details: bool = False, **options: Any
    ) -> dict[str, dict[str, Any]]:
        return take(jobs, details=details, **options)


sys.modules[__name__].__class__ = _Callable
