"""Tags are separated alike wherever they are taken."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from cuebot.domain.tags import split_tags
from opencue.tags import splitTags
from outline.backend.spec import scrub_tags

TEXTS = st.lists(st.text(alphabet="ab|, \t\n\xa0-ü", max_size=8), max_size=4)


@given(TEXTS)
@example(["general desktop"])
@example(["nosuch1,general nosuch2", "general, desktop"])
def test_server_scripts_and_outlines_split_tags_alike(texts: list[str]) -> None:
    """A list of texts and one joined text give the same tags, each once, in all three."""
    expected = split_tags(texts)
    assert tuple(splitTags(texts)) == expected
    for text in ("|".join(texts), " ".join(texts), ",".join(texts)):
        assert split_tags(text) == tuple(splitTags(text)) == expected
    assert split_tags(scrub_tags(texts)) == expected


def test_any_separator_does() -> None:
    """`|`, `,` and blanks, alone or together, stand between tags."""
    for text in ("general|gpu", "general gpu", "general,gpu", " general , |\tgpu\n"):
        assert split_tags(text) == ("general", "gpu")
