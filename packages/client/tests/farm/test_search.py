"""Search options and what they become on the wire."""

from __future__ import annotations

import pytest
from builders import a_host, a_job
from opencue_proto import host_pb2, job_pb2

import opencue
from opencue.search import FrameSearch, HostSearch, JobSearch, ProcSearch


def test_a_list_and_a_bare_text_are_both_taken():
    """`user="ann"` means `user=["ann"]`."""
    assert JobSearch.criteriaFromOptions(user="ann") == JobSearch.criteriaFromOptions(user=["ann"])


def test_a_wrong_kind_of_value_is_refused():
    """A list option with a number raises TypeError."""
    with pytest.raises(TypeError, match="Failed to set search option"):
        JobSearch.criteriaFromOptions(show=5)


def test_an_unknown_option_is_refused_with_the_known_ones():
    """A misspelt option raises and lists what there is."""
    with pytest.raises(ValueError, match=r"Criteria for search does not exist: 'shows'.*include_finished"):
        JobSearch.criteriaFromOptions(shows=["demo"])


def test_finished_jobs_come_only_when_asked_for(farm):
    """include_finished travels with the search."""
    opencue.api.getJobs(include_finished=True)
    assert farm.only("JobInterface.GetJobs").r.include_finished


@pytest.mark.parametrize(
    ("option", "field", "low", "high"),
    [
        ({"memory": "1000-2000"}, "memory_range", 1000, 2000),
        ({"memory": "lt2000"}, "memory_range", 0, 2000),
        ({"memory": "gt1000"}, "memory_range", 1000, opencue.search.UNBOUNDED),
        ({"memory": 1000}, "memory_range", 1000, opencue.search.UNBOUNDED),
        ({"duration": "0.5-2"}, "duration_range", 1800, 7200),
        ({"duration": "gt1"}, "duration_range", 3600, opencue.search.UNBOUNDED),
    ],
)
def test_ranges_of_procs(option, field, low, high):
    """Memory is KB as given, duration hours in seconds; each form of range becomes bounds."""
    (criterion,) = getattr(ProcSearch.criteriaFromOptions(**option), field)
    assert (criterion.min, criterion.max) == (low, high)


def test_a_bad_range_names_the_forms():
    """A text that is no range raises with the forms that are."""
    with pytest.raises(ValueError, match="A-B, gtN, ltN"):
        ProcSearch.criteriaFromOptions(memory="lots")


def test_procs_can_be_limited():
    """limit and offset of a proc search reach their fields."""
    criteria = ProcSearch.criteriaFromOptions(limit=10, offset=5)
    assert list(criteria.max_results) == [10]
    assert criteria.first_result == 5


def test_memory_bounds_go_to_their_own_fields():
    """memory_less_than and memory_greater_than are not confused."""
    criteria = ProcSearch.criteriaFromOptions(memory_less_than=5)
    assert [bound.value for bound in criteria.memory_less_than] == [5]
    assert not criteria.memory_greater_than


def test_frames_are_searched_a_page_at_a_time_by_default():
    """A frame search without a page asks for the first 500."""
    criteria = FrameSearch.criteriaFromOptions(state=[job_pb2.DEAD], range="1-10x2", layer=["beauty"])
    assert (criteria.page, criteria.limit) == (1, 500)
    assert list(criteria.states.frame_states) == [job_pb2.DEAD]
    assert criteria.frame_range == "1-10x2"


def test_the_shot_and_range_shortcuts_work(farm):
    """JobSearch.byShot and FrameSearch.byRange send their value."""
    JobSearch.byShot(["sh010"])
    FrameSearch.byRange("j", "5-6")
    assert list(farm.only("JobInterface.GetJobs").r.shots) == ["sh010"]
    assert farm.only("FrameInterface.GetFrames").r.frame_range == "5-6"


def test_hosts_come_as_wrappers(farm):
    """HostSearch answers Host wrappers that match."""
    farm.hosts = {"a": a_host("a"), "b": a_host("b", state=host_pb2.DOWN)}
    assert [host.name() for host in HostSearch.byOptions(state=[host_pb2.DOWN])] == ["b"]


def test_a_search_can_be_kept(farm):
    """A search object runs again with its options and equals one made alike."""
    farm.jobs = {"x": a_job("x", show="demo"), "y": a_job("y", show="other")}
    search = JobSearch(show=["demo"])
    assert [job.name for job in search.search().jobs.jobs] == ["x"]
    assert search == JobSearch(show=["demo"])
    assert search != JobSearch(show=["other"])
