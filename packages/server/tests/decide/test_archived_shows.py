"""Shows that were put away, and services that a show has for itself."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import AlreadyExists, Invalid, NotFound, Refused
from cuebot.domain.learning import service_of
from cuebot.domain.units import CoreUnits
from cuebot.queries.shows import listed_shows
from cuebot.sim.specs import job_spec, layer_spec


@pytest.fixture
def farm() -> SmallFarm:
    """A farm with a show `Old-Film` and one that its jobs may go to."""
    farm = SmallFarm()
    farm.do(c.CreateShow("Old-Film"))
    farm.do(c.CreateShow("library"))
    return farm


def archive(farm: SmallFarm, name: str = "Old-Film", target: str = "library") -> str:
    """Put a show away; returns its id."""
    id: str = farm.farm.show_named(name).id
    farm.do(c.ArchiveShow(id, target))
    return id


# --- archiving --------------------------------------------------------------------------------------------------------


def test_jobs_of_an_archived_shows_name_are_launched_in_the_other(farm: SmallFarm) -> None:
    """In any spelling, and named after the show that they are in."""
    archive(farm)
    (job,) = farm.launch(job_spec("one"), show="old_film")
    assert farm.farm.shows[job.show_id].name == "library"


def test_an_archived_show_has_another_name_takes_no_jobs_and_is_in_no_list(farm: SmallFarm) -> None:
    """It is found under the name with `_archive` behind it, and what it had is still there."""
    (job,) = farm.launch(job_spec("one"), show="Old-Film")
    id = archive(farm)
    show = farm.farm.show_named("Old-Film_archive")
    assert (show.id, show.active, job.show_id) == (id, False, id)
    assert [one.name for one in listed_shows(farm.farm)] == ["testing", "library"]
    with pytest.raises(Refused, match="not active"):
        farm.launch(job_spec("two"), show="Old-Film_archive")


def test_an_archived_show_comes_back_when_it_is_made_active(farm: SmallFarm) -> None:
    """With its name, in the lists, and no other show stands for it."""
    id = archive(farm)
    farm.do(c.Change("show", id, {"active": True}))
    assert farm.farm.show_named("old-film").id == id
    assert len(listed_shows(farm.farm)) == 3
    assert (farm.farm.alias_of_show, farm.farm.show_named("library").aliases) == ({}, ())
    (job,) = farm.launch(job_spec("one"), show="Old-Film")
    assert job.show_id == id


def test_whatever_stood_for_other_shows_goes_on_when_it_is_archived_itself(farm: SmallFarm) -> None:
    """Names lead to the show at the end, not to one that takes no jobs."""
    archive(farm)
    archive(farm, "library", "testing")
    (job,) = farm.launch(job_spec("one"), show="Old-Film")
    assert farm.farm.shows[job.show_id].name == "testing"


def test_a_show_is_archived_once_and_only_to_one_that_takes_jobs(farm: SmallFarm) -> None:
    """Not to itself, nor to one that was archived or does not exist; a second time changes nothing."""
    id = archive(farm)
    assert farm.do(c.ArchiveShow(id, "library")) == 0
    for target in ("library", "old_film_archive"):
        with pytest.raises(Refused, match="takes jobs"):
            archive(farm, "library", target)
    with pytest.raises(NotFound, match="nowhere"):
        archive(farm, "library", "nowhere")


def test_the_name_of_an_archived_show_is_not_given_to_another(farm: SmallFarm) -> None:
    """Its jobs would go astray; the refusal says where they go."""
    archive(farm)
    with pytest.raises(AlreadyExists, match="'library'"):
        farm.do(c.CreateShow("old_film"))


# --- services of a show -----------------------------------------------------------------------------------------------


def test_a_shows_own_service_comes_before_the_farms(farm: SmallFarm) -> None:
    """For its own new layers; those of other shows, and old ones, stay as they are."""
    show = farm.farm.show_named("testing")
    farm.launch(job_spec("before", layer_spec(services=("maya",), memory_kib=None)))
    id = farm.do(c.CreateServiceOverride(show.id, {"name": "maya", "min_memory": 8_388_608, "tags": ("big",)}))
    farm.launch(job_spec("after", layer_spec(services=("none", "maya"), memory_kib=None, tags=())))
    (elsewhere,) = farm.launch(job_spec("elsewhere", layer_spec(services=("maya",), memory_kib=None)), show="library")
    assert [farm.layer(f"{name}/render").min_memory for name in ("before", "after")] == [2_097_152, 8_388_608]
    assert farm.farm.layers_of(elsewhere)[0].min_memory == 2_097_152
    assert farm.layer("after/render").tags == ("big",)
    farm.do(c.Delete("service_override", id))
    farm.launch(job_spec("again", layer_spec(services=("maya",), memory_kib=None)))
    assert farm.layer("again/render").min_memory == 2_097_152


def test_layers_without_a_known_service_get_the_farms_default(farm: SmallFarm) -> None:
    """A show's own `default` is for those that name it."""
    show = farm.farm.show_named("testing")
    farm.do(c.CreateServiceOverride(show.id, {"name": "default", "min_memory": 8_388_608}))
    for names, memory in ((("none",), 3_355_443), (("default",), 8_388_608)):
        found = service_of(farm.farm, names, show.id)
        assert found is not None
        assert found.min_memory == memory


def test_a_show_has_one_service_of_a_name(farm: SmallFarm) -> None:
    """A second is refused, as is one without a name."""
    show = farm.farm.show_named("testing")
    farm.do(c.CreateServiceOverride(show.id, {"name": "maya"}))
    farm.do(c.CreateServiceOverride(farm.farm.show_named("library").id, {"name": "maya"}))
    with pytest.raises(AlreadyExists, match="'maya'"):
        farm.do(c.CreateServiceOverride(show.id, {"name": "maya"}))
    with pytest.raises(Invalid, match="needs a name"):
        farm.do(c.CreateServiceOverride(show.id, {}))


def test_a_show_goes_with_all_that_it_has_for_itself(farm: SmallFarm) -> None:
    """Filters, services, departments and tasks: every index is checked behind each step."""
    show = farm.farm.show_named("library")
    farm.do(c.CreateFilter(show.id, "one"))
    farm.do(c.CreateServiceOverride(show.id, {"name": "maya"}))
    department_id = farm.farm.department_of[show.id, "Unknown"]
    farm.do(c.SetTasks(department_id, {"sh1": CoreUnits(100)}))
    farm.do(c.Delete("show", show.id))
    books = farm.farm
    assert (books.filters, books.service_overrides, books.tasks) == ({}, {}, {})
    assert department_id not in books.departments
