"""How long frames may run without an answer."""

from __future__ import annotations

from rqd.runner.lease import Lease


def test_a_lease_counts_from_the_sending_of_an_answered_report() -> None:
    """A late answer renews it only as far as its report is old, and an older one not at all."""
    lease = Lease(300, now=1000)
    lease.renew(sent_at=1100)
    lease.renew(sent_at=1050)
    assert not lease.has_lapsed(1399)
    assert lease.has_lapsed(1400)
