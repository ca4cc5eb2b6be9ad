"""What the farm itself remarks on hosts."""

from __future__ import annotations

from small_farm import SmallFarm


def remarks(farm: SmallFarm) -> list[str]:
    """The messages of the comments on hosts."""
    return [comment.message for comment in farm.farm.comments.values() if comment.host_id is not None]


def test_an_agent_that_takes_no_frames_is_remarked_until_it_takes_them() -> None:
    """Each report says it again; the remark is made once, and goes with the first report that does not say it."""
    farm = SmallFarm()
    farm.host()
    farm.report(closed="its spool was deleted")
    farm.report(closed="its spool was deleted")
    assert remarks(farm) == ["It says: its spool was deleted."]
    farm.report(closed="it was told to restart")
    assert remarks(farm) == ["It says: it was told to restart."]
    farm.report()
    assert remarks(farm) == []


def test_a_remark_of_before_the_servers_start_goes_with_the_first_report_that_lacks_it() -> None:
    """What an agent said before is not known then, only the comment is."""
    farm = SmallFarm()
    host = farm.host()
    farm.report(closed="its spool was deleted")
    host.closed, host.reported = "", False
    farm.report()
    assert remarks(farm) == []
