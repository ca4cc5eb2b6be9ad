"""What the runner says, as messages to the server."""

from __future__ import annotations

from rqd.link.messages import frame_info

_TEXTS = ("run_id", "job_id", "job_name", "frame_id", "frame_name", "layer_id", "state", "stuck", "log_name")
_MEASURED = ("rss_kb", "max_rss_kb", "vsize_kb", "max_vsize_kb", "log_written_s", "ran_ms")
_NUMBERS = ("core_units", "gpus", "start_ms", *_MEASURED)


def test_numbers_that_are_too_large_for_a_report_are_cut() -> None:
    """One run that says odd things of itself does not cost the reports of all others."""
    told = frame_info({**dict.fromkeys(_TEXTS, ""), **dict.fromkeys(_NUMBERS, (1 << 64) - 1), "outcome": None})
    assert (told.num_gpus, told.rss) == ((1 << 31) - 1, (1 << 63) - 1)
