"""A job specification is prepared to be submitted again: some of its jobs, paused, without waits for other jobs."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_ROOT = re.compile(r"<spec[\s>]")


def prepared(text: str, names: list[str]) -> str:
    """Return the specification of those of its jobs that have these full names.

    What waits for other jobs is left to the restored dependencies: those other jobs may not be there. Raises ValueError
    where the text is no specification.
    """
    begins = _ROOT.search(text)
    if begins is None:
        raise ValueError("what a job was submitted with is no job specification")
    root = ElementTree.fromstring(text[begins.start() :])
    jobs = root.findall("job")
    for job in jobs:
        if len(jobs) > 1 and not any(_is_named(name, job.get("name", "")) for name in names):
            root.remove(job)
            continue
        for paused in job.findall("paused"):
            job.remove(paused)
        ElementTree.SubElement(job, "paused").text = "True"
        job.insert(0, job[-1])
        del job[-1]
    for depends in root.findall("depends"):
        for depend in depends.findall("depend"):
            if not _is_inside_a_job(depend) or _is_elsewhere(depend, root):
                depends.remove(depend)
    return text[: begins.start()] + ElementTree.tostring(root, encoding="unicode")


def _is_named(full_name: str, name: str) -> bool:
    return _folded(full_name).endswith(f"_{_folded(name)}")


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def _is_inside_a_job(depend: ElementTree.Element) -> bool:
    waiting, on = depend.findtext("depjob", "").strip(), depend.findtext("onjob", "").strip()
    return _folded(waiting) == _folded(on)


def _is_elsewhere(depend: ElementTree.Element, root: ElementTree.Element) -> bool:
    name = _folded(depend.findtext("depjob", "").strip())
    return all(_folded(job.get("name", "")) != name for job in root.findall("job"))
