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
    wanted = _jobs_of(root, jobs, names)
    for job in jobs:
        if job not in wanted:
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


def _jobs_of(root: ElementTree.Element, jobs: list[ElementTree.Element], names: list[str]) -> list[ElementTree.Element]:
    """The jobs with these full names, which begin with the show, the shot and the user of them all."""
    if len(jobs) == 1:
        return jobs
    whose = "-".join(root.findtext(part, "").strip() for part in ("show", "shot", "user"))
    wanted = {_folded(name) for name in names}
    return [job for job in jobs if _folded(f"{whose}_{job.get('name', '').strip()}") in wanted]


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def _is_inside_a_job(depend: ElementTree.Element) -> bool:
    waiting, on = depend.findtext("depjob", "").strip(), depend.findtext("onjob", "").strip()
    return _folded(waiting) == _folded(on)


def _is_elsewhere(depend: ElementTree.Element, root: ElementTree.Element) -> bool:
    name = _folded(depend.findtext("depjob", "").strip())
    return all(_folded(job.get("name", "")) != name for job in root.findall("job"))
