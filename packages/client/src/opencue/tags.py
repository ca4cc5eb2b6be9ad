"""Tags: one word each, separated alike wherever they are taken."""

from __future__ import annotations

import re
from typing import Iterable, List, Union

__all__ = ["splitTags"]

_BETWEEN = re.compile(r"[|,\s]+")


def splitTags(tags: Union[str, Iterable[str]]) -> List[str]:
    """Return each tag once, in order, of a text or of several; `|`, `,` and blanks separate them in any number."""
    texts = (tags,) if isinstance(tags, str) else tags
    return list(dict.fromkeys(word for text in texts for word in _BETWEEN.split(str(text)) if word))
