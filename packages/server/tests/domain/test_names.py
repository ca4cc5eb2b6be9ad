"""The rules for names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.errors import Invalid
from cuebot.domain.names import (
    check_log_name,
    check_user,
    conform_name,
    frame_name,
    job_name,
    job_suffix,
    parse_frame_name,
    post_job_name,
)

SHOW, SHOT, USER = "testing", "default", "testuser"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("test", "testing-default-testuser_test"),
        ("Test-Job", "testing-default-testuser_test_job"),
        ("testing-default-testuser_my__job", "testing-default-testuser_my_job"),
        ("testing-default-testuser_Foo__Bar-v1", "testing-default-testuser_foo_bar_v1"),
        ("a.b", "testing-default-testuser_a.b"),
        ("__ab", "testing-default-testuser_ab"),
        ("a--b", "testing-default-testuser_a__b"),
    ],
)
def test_a_job_gets_its_full_name(text: str, name: str) -> None:
    """Show, shot and user come before the name that was given, spelled as OpenCue spells it."""
    assert job_name(SHOW, SHOT, USER, text, DEFAULT_BOUNDS) == name


def test_the_full_name_is_known_in_any_case() -> None:
    """A full name in lower case is not prefixed again when the show is written with capitals."""
    assert (
        job_name("Testing", SHOT, USER, "testing-default-testuser_comp", DEFAULT_BOUNDS)
        == "testing-default-testuser_comp"
    )


def test_a_user_with_a_blank_gets_job_names_without_one() -> None:
    """A blank in the user's name does not get into the job's name."""
    assert job_name(SHOW, SHOT, "Jane Doe", "comp", DEFAULT_BOUNDS) == "testing-default-jane_doe_comp"


def test_a_job_has_a_short_name() -> None:
    """The short name is what stands after show, shot and user."""
    assert job_suffix(SHOW, SHOT, USER, "testing-default-testuser_Comp-v2", DEFAULT_BOUNDS) == "comp_v2"


@pytest.mark.parametrize("text", ["", "ab", "___", "a b c", "comp/v1", "testing-default-testuser_a", "cömp", "abc\n"])
def test_a_job_name_that_breaks_the_rule_is_refused(text: str) -> None:
    """The refusal names the job's name as given, and the rule."""
    with pytest.raises(Invalid, match=r"job name .* Accepted: at least 3 characters"):
        job_name(SHOW, SHOT, USER, text, DEFAULT_BOUNDS)


def test_a_long_job_name_is_refused() -> None:
    """The whole name counts, with show, shot and user."""
    with pytest.raises(Invalid, match="at most 217 \\(job_name_bytes\\)"):
        job_name(SHOW, SHOT, USER, "x" * 250, DEFAULT_BOUNDS)


@given(st.text(alphabet="abcXYZ019._", min_size=3, max_size=20).filter(lambda text: text.strip("_")))
def test_a_full_name_is_its_own_full_name(text: str) -> None:
    """A job can be named in a depend by the full name that it got."""
    try:
        full = job_name(SHOW, SHOT, USER, text, DEFAULT_BOUNDS)
    except Invalid:
        return  # runs of '_' collapsed to less than three characters
    assert job_name(SHOW, SHOT, USER, full, DEFAULT_BOUNDS) == full


@pytest.mark.parametrize(("text", "name"), [("My-Layer", "my_layer"), ("Dev.Cue-1", "dev.cue_1"), ("bty", "bty")])
def test_a_layer_name_is_conformed(text: str, name: str) -> None:
    """Layers are lower case with underscores for dashes."""
    assert conform_name("layer", text, DEFAULT_BOUNDS) == name


@pytest.mark.parametrize("text", ["invalid/shot", "ab", "", "a b c", "../..", "shöt", "abc\n", "...", "...."])
def test_a_shot_name_that_breaks_the_rule_is_refused(text: str) -> None:
    """The refusal says which kind of name it is, the text, and the rule."""
    with pytest.raises(Invalid, match=r"shot name .* is not allowed. Accepted: at least 3 characters"):
        conform_name("shot", text, DEFAULT_BOUNDS)


def test_a_name_may_be_as_long_as_its_limit() -> None:
    """The limit of the kind decides, and is told."""
    limits = Bounds(shot_name_characters=5)
    assert conform_name("shot", "sh010", limits) == "sh010"
    with pytest.raises(Invalid, match="at most 5"):
        conform_name("shot", "sh0100", limits)


@pytest.mark.parametrize("user", ["testuser", "first.last", "DOMAIN+user", "user@studio", "Jane Doe", "müller"])
def test_names_of_real_users_are_accepted(user: str) -> None:
    """Users of directories and of Windows may own jobs."""
    check_user(user, DEFAULT_BOUNDS)


@pytest.mark.parametrize("user", ["root", "", "../etc", "a\\b", "a;b", " a", "x" * 33, ".", "..", ". ."])
def test_users_who_may_not_own_jobs_are_refused(user: str) -> None:
    """Root, and what could not stand in a path, are refused."""
    with pytest.raises(Invalid, match="user "):
        check_user(user, DEFAULT_BOUNDS)


def test_a_log_has_a_file_name_that_file_systems_take() -> None:
    """A layer's name may be so long that its frames' logs, also those of earlier runs, have names of 255 bytes."""
    job = "testing-default-testuser_comp"
    most = 255 - len(f"{job}.0001-.rqlog.65535")
    check_log_name(job, "x" * most, 1, DEFAULT_BOUNDS)
    with pytest.raises(Invalid, match=f"at most {most} bytes for this layer"):
        check_log_name(job, "x" * (most + 1), 1, DEFAULT_BOUNDS)
    with pytest.raises(Invalid, match=f"at most {most - 3} bytes for this layer"):
        check_log_name(job, "x" * most, len("-123456"), DEFAULT_BOUNDS)


def test_a_job_name_counts_in_bytes() -> None:
    """A user's letters may be longer than a byte."""
    assert job_name(SHOW, SHOT, "ü" * 30, "x" * 120, DEFAULT_BOUNDS)
    with pytest.raises(Invalid, match="at most 217"):
        job_name(SHOW, SHOT, "ü" * 30, "x" * 150, DEFAULT_BOUNDS)


def test_a_post_job_belongs_to_the_monitor() -> None:
    """The user before the name is replaced, also one whose name is part of the show's."""
    name = job_name("ann_show", SHOT, "ann", "comp", DEFAULT_BOUNDS)
    assert post_job_name("ann_show", SHOT, "ann", name, 7) == "ann_show-default-monitor_comp_post_job_7"


@pytest.mark.parametrize(
    ("text", "number", "layer"),
    [
        ("0001-comp", 1, "comp"),
        ("12345-Comp", 12345, "comp"),
        ("-005-comp", -5, "comp"),
        ("0001-my.layer-2", 1, "my.layer_2"),
    ],
)
def test_a_frame_name_is_a_number_and_a_layer(text: str, number: int, layer: str) -> None:
    """Negative numbers and dots in layers are read too."""
    assert parse_frame_name(text, DEFAULT_BOUNDS) == (number, layer)


@pytest.mark.parametrize("text", ["comp", "0001", "0001-", "-comp", "x001-comp", "9999999999-comp", "0001-a b"])
def test_a_text_that_is_no_frame_name_is_refused(text: str) -> None:
    """The refusal names the text and the rule."""
    with pytest.raises(Invalid, match="Accepted: "):
        parse_frame_name(text, DEFAULT_BOUNDS)


@given(st.integers(-(2**31), 2**31 - 1))
def test_a_frame_name_reads_back(number: int) -> None:
    """The name of a frame leads back to its number and layer."""
    assert parse_frame_name(frame_name(number, "comp"), DEFAULT_BOUNDS) == (number, "comp")
