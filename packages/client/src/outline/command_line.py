"""Commands as text and as lists, and the tokens in them.

The server replaces the tokens when a frame starts. Where no server does it, in the local backend and in frames that
outline executes itself, `replace_tokens` does the same.
"""

from __future__ import annotations

import re
from typing import Iterable, Mapping, Sequence, Union

from outline.util import compact_frame_range

TOKENS = (
    "#ZFRAME#",
    "#IFRAME#",
    "#FRAME_START#",
    "#FRAME_END#",
    "#FRAME_CHUNK#",
    "#LAYER#",
    "#JOB#",
    "#FRAMESPEC#",
    "#FRAME#",
)
"""The tokens, in the order in which they are replaced."""

_ANY_TOKEN = re.compile("|".join(TOKENS))
_NEEDS_QUOTES = re.compile(r"[\s'\"`\\;&|<>()]")

Command = Union[str, Sequence[object]]


def quote_word(word: str) -> str:
    """Return one word of a command quoted for a shell, but only where the shell would take it apart.

    `$VAR`, `*` and tokens in a word without blanks stay live, so that a command may use them.
    """
    starts_comment = word.startswith("#") and not _ANY_TOKEN.match(word)
    if word and not starts_comment and not _NEEDS_QUOTES.search(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def shell_text(command: Command) -> str:
    """Return a command as one line for a shell; a text is taken to be one already."""
    if isinstance(command, str):
        return command
    return " ".join(quote_word(str(word)) for word in command)


def token_values(frames: Iterable[int], layer: str, job: str, chunk: int = 1) -> Mapping[str, str]:
    """Return what the tokens stand for in a frame that covers these frame numbers."""
    numbers = list(frames)
    first = numbers[0]
    return {
        "#ZFRAME#": f"{first:04d}",
        "#IFRAME#": str(first),
        "#FRAME_START#": str(first),
        "#FRAME_END#": str(numbers[-1]),
        "#FRAME_CHUNK#": str(chunk),
        "#LAYER#": layer,
        "#JOB#": job,
        "#FRAMESPEC#": compact_frame_range(numbers),
        "#FRAME#": f"{first:04d}-{layer}",
    }


def replace_tokens(text: str, values: Mapping[str, str]) -> str:
    """Return the text with every token replaced for which there is a value."""
    for token in TOKENS:
        if token in values:
            text = text.replace(token, values[token])
    return text
