"""The form: asks for one thing after the other, and again where an answer makes no sense."""

from __future__ import annotations

import argparse
from typing import Any, Callable, Dict, List, Optional, TypeVar

from cue_cli.cueadmin.session import CommandError, UsageError
from cue_cli.cuesubmit import submission
from cue_cli.cuesubmit.job_types import JOB_TYPES, JobType
from cue_cli.cuesubmit.parser import names_in, show_of
from outline import util
from outline.exception import OutlineException

T = TypeVar("T")
ROW = "  {:<24} {:<8} {:<16} {}"


class Form:
    """One form. What the line gave is offered as an answer; an empty answer takes what is offered."""

    def __init__(self, given: List[argparse.Namespace], settings: Dict[str, str], *, checks: bool) -> None:
        self._given, self._settings, self._checks = given, settings, checks
        self._facts = submission.FarmFacts()

    def fill(self) -> submission.JobData:
        """Ask for a job and its layers.

        Raises:
            CommandError: nobody answers any more.
        """
        options = self._given[0]
        print("An empty answer takes what stands in brackets.\n")
        job = submission.JobData(self._ask("Job name", options.name or "", lambda text: _name("job", text)))
        job.show = self._ask("Show", show_of(options, self._settings) or util.get_show(), self._show)
        job.shot = self._ask("Shot", options.shot or util.get_shot(), lambda text: _name("shot", text))
        job.user = self._ask("User", options.user or util.get_user(), _needed("user"))
        job.facility = options.render_to
        while True:
            given = self._given[len(job.layers)] if len(job.layers) < len(self._given) else argparse.Namespace()
            print(f"\nLayer {len(job.layers) + 1}")
            layer = self._layer(given, job.layers)
            if layer is None:
                continue
            job.layers.append(layer)
            more = "y" if len(job.layers) < len(self._given) else "n"
            if self._ask("Another layer? y or n", more, _yes_or_no) == "n":
                return job

    def _layer(self, given: argparse.Namespace, before: List[submission.LayerData]) -> Optional[submission.LayerData]:
        """Ask for a layer; None where its application cannot work with the answers, which is said."""

        def offered(name: str, otherwise: str = "") -> str:
            return getattr(given, name, None) or otherwise

        kinds = "/".join(job_type.name for job_type in JOB_TYPES)
        job_type = self._ask(f"Job type ({kinds})", offered("type", "Shell"), submission.job_type_of)
        name = self._ask("Layer name", offered("layer", _free_name(job_type, before)), lambda text: _free(text, before))
        depend = ""
        if before:
            how = "Wait for the layer before (layer/frame, or nothing)"
            depend = self._ask(how, offered("depend"), lambda text: submission.depend_of(text, is_first=False))
        frames = self._ask("Frames", offered("frames", before[-1].frames if before else "1"), submission.frames_of)
        values = {}
        for part in job_type.fields:

            def check(text: str, part: Any = part) -> str:
                return submission.value_of(part, text, checks_files=self._checks)

            values[part.name] = self._ask(part.label, offered(part.name), check)
        layer = submission.LayerData(job_type, name, frames, values, depend=depend)
        layer.chunk = self._ask("Frames a run (chunk size)", offered("chunk", "1"), submission.chunk_of)
        layer.cores = self._ask("Cores (nothing: the service's)", offered("cores"), submission.cores_of)
        layer.memory = offered("memory") or None
        layer.services = self._ask("Services (nothing: the type's)", offered("services"), self._services)
        layer.limits = self._ask("Limits", offered("limits"), self._limits)
        try:
            print(f"  Command: {submission.command_text(layer, self._settings)}")
        except OutlineException as error:
            print(f"  {error}. Once more:")
            return None
        return layer

    def _show(self, text: str) -> str:
        name = _name("show", text)
        if self._checks:
            self._facts.check_show(name)
        return name

    def _services(self, text: str) -> List[str]:
        names = names_in(text)
        if self._checks:
            self._facts.check_services(names)
        return names

    def _limits(self, text: str) -> List[str]:
        names = names_in(text)
        if self._checks:
            self._facts.check_limits(names)
        return names

    def _ask(self, question: str, offered: str, check: Callable[[str], T]) -> T:
        """Ask until the answer makes sense."""
        while True:
            try:
                answer = input(f"{question} [{offered}]: " if offered else f"{question}: ").strip()
            except EOFError:
                print(flush=True)  # the question has no line end of its own
                raise CommandError(f'nothing is submitted: nobody answered "{question}"') from None
            try:
                return check(answer or offered)
            except (UsageError, CommandError) as error:
                print(f"  {error}")


def table(job: submission.JobData) -> List[str]:
    """Return a job as a table of its layers."""
    cells = [(layer.name, layer.job_type.name, layer.frames, layer.depend.capitalize()) for layer in job.layers]
    return [ROW.format(*row).rstrip() for row in (("Layer Name", "Job Type", "Frames", "Depend Type"), *cells)]


def _name(what: str, text: str) -> str:
    return submission.name_of(what, text)


def _needed(what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not text.strip() or any(letter.isspace() for letter in text):
            raise UsageError(f"{text!r} is no name of a {what}")
        return text

    return check


def _free_name(job_type: JobType, before: List[submission.LayerData]) -> str:
    taken = [layer.name for layer in before]
    name, number = job_type.layer_name, 1
    while name in taken:
        number += 1
        name = f"{job_type.layer_name}_{number}"
    return name


def _free(text: str, before: List[submission.LayerData]) -> str:
    if text in [layer.name for layer in before]:
        raise UsageError(f"there is a layer {text!r} already")
    return _name("layer", text)


def _yes_or_no(text: str) -> str:
    if text.lower() not in ("y", "n", "yes", "no"):
        raise UsageError("answer y or n")
    return text.lower()[0]
