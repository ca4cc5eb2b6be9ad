"""Policies: a studio's own ranking and filtering."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scheduling_farm import launch
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.scheduling.rules.policy import Hosts, Jobs, Policy, Request
from cuebot.sim.specs import layer_spec


def farm_with(**functions: Any) -> SmallFarm:
    """A farm of three hosts of four cores under a policy with these functions."""
    farm = SmallFarm()
    farm.core.policies = [Policy.of("studio", SimpleNamespace(**functions))]
    for number in range(3):
        farm.host(f"host{number}")
    return farm


def codes(farm: SmallFarm, path: str) -> set[str]:
    """Why a layer waits, by reason codes."""
    return {
        reason.code for reason in explain_layer(farm.farm, farm.layer(path), farm.now_us, farm.core.policies).reasons
    }


def hosts_of(farm: SmallFarm) -> set[str]:
    """Names of the hosts on which something runs."""
    return {farm.farm.hosts[proc.host_id].name for proc in farm.farm.procs.values()}


def test_a_policy_rules_hosts_out_and_explain_says_so() -> None:
    """Frames stay off the hosts that a policy does not allow, and the reason is a policy's."""

    def allow_hosts(request: Request, hosts: Hosts) -> Any:
        return hosts.tagged("host1") if request.memory >= 1_048_576 else np.ones(len(hosts), dtype=bool)

    farm = farm_with(allow_hosts=allow_hosts)
    launch(farm, "testing", "one")
    farm.plan()
    assert hosts_of(farm) == {"host1"}
    assert codes(farm, "one/render") == {"POLICY", "BUSY"}


def test_a_policy_says_which_host_is_best() -> None:
    """The host with the lowest rank is taken before the best fit."""
    farm = farm_with(rank_hosts=lambda request, hosts: np.where(hosts.tagged("host2"), 0, 1))
    launch(farm, "testing", "one", layer_spec(range_text="1-4"))
    farm.plan()
    assert hosts_of(farm) == {"host2"}


def test_a_policy_says_which_job_comes_first_within_a_tier() -> None:
    """A job with a lower rank comes before a higher priority of its tier, and never before a higher tier."""

    def rank_jobs(jobs: Jobs) -> Any:
        return np.array([0 if "small" in name else 1 for name in jobs.names])

    farm = farm_with(rank_jobs=rank_jobs)
    launch(farm, "testing", "big", layer_spec(range_text="1-100"), priority=20)
    launch(farm, "testing", "small", layer_spec(range_text="1-5"), priority=1)
    launch(farm, "testing", "urgent", layer_spec(range_text="1-2"), priority=60)
    farm.plan()
    assert farm.states("urgent/render") == "RR"
    assert farm.states("small/render") == "RRRRR"
    assert farm.states("big/render").count("R") == 5


@pytest.mark.parametrize(
    "answer", [[True], np.zeros(3), "yes"], ids=["too few rows", "numbers instead of truths", "no column at all"]
)
def test_a_policy_that_answers_nonsense_is_left_out(answer: Any) -> None:
    """The farm goes on as if the function were not there, and `explain` names the policy."""
    farm = farm_with(allow_hosts=lambda request, hosts: answer)
    launch(farm, "testing", "one", layer_spec(range_text="1-13"))
    assert len(farm.plan()) == 12
    assert codes(farm, "one/render") == {"POLICY_FAILED", "BUSY"}


def test_a_policy_that_raises_is_left_out() -> None:
    """An error in a plug-in stops nothing."""

    def rank_hosts(request: Request, hosts: Hosts) -> Any:
        hosts.cores[0] = 1  # columns are read-only

    farm = farm_with(rank_hosts=rank_hosts)
    launch(farm, "testing", "one")
    assert len(farm.plan()) == 10
    assert "read-only" in farm.core.policies[0].failures["rank_hosts"]


def test_a_thing_without_any_function_is_no_policy() -> None:
    """A misspelt function is found when the server starts, not when a frame runs on the wrong host."""
    with pytest.raises(TypeError, match="allow_hosts"):
        Policy.of("studio", SimpleNamespace(allow_host=lambda: None))


def test_the_example_policy_works_as_it_says() -> None:
    """The policy that pipeline developers copy keeps small frames off big machines, and lets small jobs go first."""
    path = Path(__file__).parents[4] / "examples" / "policy" / "studio_policy.py"
    example = runpy.run_path(str(path))
    functions = {name: example[name] for name in ("allow_hosts", "rank_hosts", "rank_jobs")}
    farm = farm_with(**functions)
    farm.do(c.AddHostTags(farm.farm.host_by_name["host2"], ("bigmem",)))
    launch(farm, "testing", "big", layer_spec(range_text="1-100"), priority=20)
    launch(farm, "testing", "small", layer_spec(range_text="1-5"))
    farm.plan()
    assert hosts_of(farm) == {"host0", "host1"}
    assert farm.states("small/render") == "RRRRR"
    assert farm.core.policies[0].failures == {}
