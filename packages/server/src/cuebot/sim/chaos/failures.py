"""What the world saw go wrong on hosts: the only reasons for which a host may be avoided, put off or quarantined.

The server keeps such reasons in memory alone and loses them when it crashes. Here they are kept for good, as they
reached the server: it may know less than this, never more.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import MINUTE, SECOND

AVOIDED_US: Final = 30 * MINUTE
"""A layer keeps off a host for so long after a frame of it failed there."""
QUARANTINES_US: Final = tuple(minutes * MINUTE for minutes in (5, 10, 20, 40, 60))
"""How long a host may be left alone after a failure."""
JOBS_IN_A_ROW: Final = 3
"""A host is suspicious when frames of so many different jobs failed there, and none went well in between."""
REFUSALS_US: Final = tuple(seconds * SECOND for seconds in (5, 10, 20, 40, 60))
"""How long a host may be left alone after it refused a launch."""

UNSTARTED_AVOIDED_US: Final = MINUTE
"""A layer keeps off a host for so long that could not start a frame of it."""
HOLDS_US: Final = REFUSALS_US
"""How long nothing may be started after the farm's fault kept something from it."""

_FRAMES_OWN: Final = frozenset({Cause.EXITED, Cause.LAUNCH_FAILED, Cause.MEMORY, Cause.LOG_LIMIT})
_NOT_THE_FRAMES_FAULT: Final = frozenset({Exit.NEVER_RAN, Exit.SKIP_RETRY, Exit.CLEARED, Exit.ORPHAN, Exit.HOST_DOWN})


class Failures:
    """Failed and refused runs by host name, in the order in which the server learned of them."""

    def __init__(self) -> None:
        self._of_layer_us: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._of_host_us: defaultdict[str, set[int]] = defaultdict(set)
        self._jobs_in_a_row: defaultdict[str, set[str]] = defaultdict(set)
        self._refused_us: defaultdict[str, set[int]] = defaultdict(set)
        self._job_not_started_us: defaultdict[str, set[int]] = defaultdict(set)
        """By job."""
        self._job_not_started_there_us: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        """By host name and layer."""
        self._not_started_us: defaultdict[str, set[int]] = defaultdict(set)
        """By host name."""

    def ended(
        self, host_name: str, layer_id: str, job_id: str, exit_status: int, cause: Cause, *, retried: bool, at_us: int
    ) -> None:
        """The server learned how a current run ended; `retried`: somebody wanted the frame to run again anyway."""
        if cause in (Cause.LOG_UNWRITABLE, Cause.HOST_FAULT, Cause.START_LIMIT):
            self._job_not_started_us[job_id].add(at_us)
            self._job_not_started_there_us[host_name, layer_id].add(at_us)
        if cause in (Cause.LOG_UNWRITABLE, Cause.HOST_FAULT, Cause.START_LIMIT, Cause.LAUNCH_FAILED):
            self._not_started_us[host_name].add(at_us)
        if exit_status == 0:
            if not retried:
                self._jobs_in_a_row[host_name].clear()
        elif cause in _FRAMES_OWN and exit_status not in _NOT_THE_FRAMES_FAULT:
            self._of_layer_us[host_name, layer_id].add(at_us)
            self._of_host_us[host_name].add(at_us)
            self._jobs_in_a_row[host_name].add(job_id)

    def refused(self, host_name: str, at_us: int) -> None:
        """The server learned that a host will not run something."""
        self._refused_us[host_name].add(at_us)

    def excuse_avoiding(self, host_name: str, layer_id: str, until_us: int) -> bool:
        """A frame of the layer failed there so long before that moment as a layer may avoid a host."""
        unstarted = until_us - UNSTARTED_AVOIDED_US in self._job_not_started_there_us[host_name, layer_id]
        return unstarted or until_us - AVOIDED_US in self._of_layer_us[host_name, layer_id]

    def excuse_holding_job(self, job_id: str, failed_us: int, until_us: int) -> bool:
        """A frame of the job could not be started then, and the job is tried again in time after that."""
        return failed_us in self._job_not_started_us[job_id] and until_us - failed_us in HOLDS_US

    def excuse_holding_host(self, host_name: str, failed_us: int, until_us: int) -> bool:
        """The host could not start a run then, and is tried again in time after that."""
        return failed_us in self._not_started_us[host_name] and until_us - failed_us in HOLDS_US

    def excuse_quarantine(self, host_name: str, until_us: int) -> bool:
        """Frames of several jobs failed there in a row, and the quarantine ends in time after one of them."""
        ends = {at_us + pause_us for at_us in self._of_host_us[host_name] for pause_us in QUARANTINES_US}
        return self.suspicious(host_name) and until_us in ends

    def suspicious(self, host_name: str) -> bool:
        """Frames of several jobs failed there in a row."""
        return len(self._jobs_in_a_row[host_name]) >= JOBS_IN_A_ROW

    def excuse_refusal(self, host_name: str, until_us: int) -> bool:
        """The host refused a launch, and is asked again in time after that."""
        return any(at_us + pause_us == until_us for at_us in self._refused_us[host_name] for pause_us in REFUSALS_US)
