"""What a query can ask of public events: `type:frame.failed,host.down show:big*`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, Final

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import quoted
from cuebot.feed.public_events import PublicEvent
from cuebot.feed.vocabulary import EVENT_TYPES
from cuebot.queries.language import (
    FLAG,
    NUMBER,
    TEXT,
    Field,
    Fields,
    Get,
    Moment,
    Term,
    is_one_of,
    matcher,
    parse,
    wrong,
)


def _of_row(name: str, absent: Any = "") -> Get[PublicEvent]:
    """A field of an event's row, where that has it."""

    def get(moment: Moment, event: PublicEvent) -> Any:
        value = getattr(event.row, name, absent)
        return absent if value is None else value

    return get


FIELDS: Final = Fields[PublicEvent](
    "event",
    lambda _, event: event.type,
    Field("type", TEXT, lambda _, event: event.type, "what happened, such as frame.failed or host.*"),
    Field("show", TEXT, lambda _, event: event.show or "", "whose it is"),
    Field("actor", TEXT, lambda _, event: event.actor, "who did it"),
    Field("job", TEXT, _of_row("job_name"), "name of its job"),
    Field("user", TEXT, _of_row("user"), "whose job it is"),
    Field("layer", TEXT, _of_row("layer_name"), "name of its layer"),
    Field("frame", NUMBER, _of_row("frame_number", -1), "number of its frame"),
    Field("host", TEXT, _of_row("host_name"), "name of its host"),
    Field("state", TEXT, _of_row("frame_state"), "what became of the frame when its run ended"),
    Field("cause", TEXT, _of_row("cause"), "why the run ended"),
    Field("exit", NUMBER, _of_row("exit_status", -1), "exit status of the run"),
    Field("charged", FLAG, _of_row("is_charged", False), "its end counts against the frame"),
)
"""A word without a field is looked for in types."""


def event_matcher(query: str, moment: Moment, bounds: Bounds) -> Callable[[PublicEvent], bool]:
    """Whether an event is what a query asks for. Raises Invalid, also for a type that no event has."""
    terms = parse(query, bounds)
    for term in terms:
        if term.field in ("", "type"):
            _check_types(term)
    return matcher(FIELDS, terms, moment)


def _check_types(term: Term) -> None:
    """Refuse what would wait for ever: a mistyped type, or a word or pattern that is in none."""
    for value in term.values:
        wanted = value if term.field else f"*{value}*"
        if not any(is_one_of([wanted])(known) for known in EVENT_TYPES):
            raise wrong(term.column, f"no event is of type {quoted(value)!r}{_nearest(value)}")


def _nearest(text: str) -> str:
    plain = text.lower()
    found = difflib.get_close_matches(plain, EVENT_TYPES, n=1, cutoff=0.6)
    if found:
        return f"; did you mean {found[0]}?"
    noun = plain.split(".")[0]
    return f"; there are {', '.join(name for name in EVENT_TYPES if name.startswith(f'{noun}.')) or _NOUNS}"


_NOUNS: Final = ", ".join(f"{noun}.*" for noun in dict.fromkeys(name.split(".")[0] for name in EVENT_TYPES))
