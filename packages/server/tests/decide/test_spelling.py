"""Shows keep the spelling that they were created with; shows, jobs and layers are found under any."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import AlreadyExists, NotFound
from cuebot.domain.nouns import Job
from cuebot.queries.lookup import job_of, layer_of
from cuebot.spec import parse_spec

SPEC = """<?xml version="1.0"?>
<spec>
  <show>{show}</show><shot>{shot}</shot><user>ann-b</user>
  <job name="{name}">
    <layers><layer name="My-Layer" type="Render"><cmd>true</cmd><range>1-2</range><chunk>1</chunk></layer></layers>
  </job>
  {depends}
</spec>
"""


def submitted(farm: SmallFarm, show: str, name: str = "My-Job", shot: str = "sh-010", depends: str = "") -> Job:
    """A job of one layer, as it is in the books."""
    text = SPEC.format(show=show, shot=shot, name=name, depends=depends)
    (job_id,) = farm.do(c.SubmitJobs(parse_spec(text.encode(), DEFAULT_BOUNDS)))
    return farm.farm.jobs[job_id]


def with_show(name: str) -> SmallFarm:
    """A farm with this show."""
    farm = SmallFarm()
    farm.do(c.CreateShow(name))
    return farm


@pytest.mark.parametrize("spelling", ["Demo-Project", "demo_project", "DEMO-project"])
def test_a_show_keeps_its_spelling_and_is_found_under_any(spelling: str) -> None:
    """Case, dashes and underscores make no difference to whoever looks for it."""
    farm = with_show("Demo-Project").farm
    assert farm.show_named(spelling).name == "Demo-Project"


def test_a_second_show_that_folds_to_the_same_is_refused() -> None:
    """Nobody could tell the two apart; the refusal says which there is."""
    farm = with_show("Demo-Project")
    with pytest.raises(AlreadyExists, match="'Demo-Project' already, which 'demo_project' means too"):
        farm.do(c.CreateShow("demo_project"))


@pytest.mark.parametrize("written", ["Demo-Project", "demo_project"])
def test_a_jobs_name_begins_with_the_shows_own_dashes(written: str) -> None:
    """However the specification spells the show; the log's folder is the show's, too."""
    job = submitted(with_show("Demo-Project"), written)
    assert job.name == "demo-project-sh_010-ann-b_my_job"
    assert "/Demo-Project/sh_010/" in job.log_dir


def test_a_job_may_be_given_by_the_name_that_it_will_have() -> None:
    """The prefix in any spelling of the show is not there twice."""
    farm = with_show("Demo-Project")
    assert submitted(farm, "demo_project", "demo_project-sh_010-ann-b_comp").name == "demo-project-sh_010-ann-b_comp"


@pytest.mark.parametrize("spelling", ["demo_project-sh_010-ann-b_my_job", "Demo-Project-sh-010-ann-b_My-Job"])
def test_jobs_and_layers_are_found_under_any_spelling(spelling: str) -> None:
    """Also after the job has ended."""
    farm = with_show("Demo-Project")
    job = submitted(farm, "Demo-Project")
    assert farm.farm.job_named(spelling) is job
    assert layer_of(farm.farm, job, "my-LAYER").name == farm.farm.layer_named(job, "My-Layer").name == "my_layer"
    farm.do(c.KillJob(job.id))
    assert job_of(farm.farm, spelling) is job


def test_a_spelling_that_means_two_jobs_names_both() -> None:
    """Where dashes stand makes two jobs of different shows and shots; each is found as it is spelled."""
    farm = with_show("big-film")
    farm.do(c.CreateShow("big"))
    first, second = submitted(farm, "big-film", shot="sh1"), submitted(farm, "big", shot="film_sh1")
    assert farm.farm.job_named(second.name) is second
    with pytest.raises(NotFound, match=f"may mean 2 jobs; write it as it is spelled: {first.name}, {second.name}"):
        farm.farm.job_named(first.name.replace("-", "_"))


def test_a_depend_names_a_job_under_any_spelling() -> None:
    """Of the show that the specification spells otherwise than it was created."""
    farm = with_show("Demo-Project")
    first = submitted(farm, "demo-project", "first")
    depend = (
        '<depends><depend type="JOB_ON_JOB" anyframe="false"><depjob>second</depjob>'
        "<onjob>first</onjob></depend></depends>"
    )
    second = submitted(farm, "demo_project", "second", depends=depend)
    (held,) = farm.farm.depends.values()
    assert (held.er_job, held.on_job) == (second.id, first.id)
