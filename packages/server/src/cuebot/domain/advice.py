"""Actions that a sentence advises.

A sentence of the core says which action helps, by its public name (`domain.actions`), and with what: numbers in units,
things by the names that people use. It does not say how that is done, because people use several programs. Whoever
shows the sentence does; for clients that is `wire.advice`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_OPEN: Final = "\ufff9"
_CLOSE: Final = "\ufffb"
"""Unicode's marks around what belongs to a text and is not its wording. Nobody can type them, and JSON in ASCII, which
stands between them here, has none."""
_ADVICE = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")

Phrase = Callable[[str, Mapping[str, Any]], str]
"""Takes an action's name and its arguments, and says how it is done."""


def advise(action: str, /, **arguments: Any) -> str:
    """An action, as a sentence carries it. Arguments have the names that the table of actions gives them."""
    return f"{_OPEN}{json.dumps([action, arguments])}{_CLOSE}"


def phrased(text: str, phrase: Phrase) -> str:
    """A sentence for people: what it advises is said by `phrase`."""
    return _ADVICE.sub(lambda found: phrase(*json.loads(found[1])), text) if _OPEN in text else text
