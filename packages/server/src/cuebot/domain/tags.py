"""Tags: one word each, separated alike wherever they are taken."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, LimitExceeded, quoted

SEPARATORS = "'|', ',' and blanks"
TAG_RULE = "printable characters without '|', ',' and blanks"

_BETWEEN = re.compile(r"[|,\s]+")


def split_tags(tags: str | Iterable[str]) -> tuple[str, ...]:
    """Return each tag once, in order, of a text or of several; `|`, `,` and blanks separate them in any number."""
    texts = (tags,) if isinstance(tags, str) else tags
    return tuple(dict.fromkeys(word for text in texts for word in _BETWEEN.split(text) if word))


def read_tags(tags: str | Iterable[str], bounds: Bounds) -> tuple[str, ...]:
    """Return the tags that somebody gives, split.

    Raises:
        Invalid: one has a character that no tag has, or is too long.
        LimitExceeded: there are too many.
    """
    found = split_tags(tags)
    for tag in found:
        if not tag.isprintable():
            raise Invalid(f'tag "{quoted(tag)}" is not allowed. Accepted: {TAG_RULE}.')
        if len(tag) > bounds.tag_characters:
            raise Invalid(
                f'tag "{quoted(tag)}" has {len(tag)} characters. Accepted: at most {bounds.tag_characters} '
                f"(tag_characters); {SEPARATORS} separate tags."
            )
    if len(found) > bounds.names_per_list:
        raise LimitExceeded("tags", "tags", given=len(found), limit="names_per_list", allowed=bounds.names_per_list)
    return found
