"""Texts of single elements to values with units.

Each function gets the element, so that a refusal names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from cuebot.domain.bounds import INT32_MAX, Bounds
from cuebot.domain.cores import read_cores, read_frame_cores
from cuebot.domain.errors import Invalid, LimitExceeded, quoted
from cuebot.spec.context import located
from cuebot.spec.model import SpecError
from cuebot.spec.xml_tree import Element

Warn = Callable[[Element, str], None]
"""Takes what was changed about an element."""

TRUE_WORDS = frozenset({"true", "yes", "1", "on"})
FALSE_WORDS = frozenset({"false", "no", "0", "off", ""})

MEMORY_KIB_MIN = 256 * 1024

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
_MEMORY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})\s*(?:([mg])(?:i?b)?)?", re.IGNORECASE)
_KIB_PER_UNIT = {"m": 1024, "g": 1024 * 1024}


def required_text(parent: Element, tag: str, accepted: str) -> tuple[Element, str]:
    """Return a child element that must be there, and its text."""
    element = parent.first(tag)
    if element is None or not element.text:
        problem = "is missing" if element is None else "is empty"
        raise SpecError(f"{parent.path} / {tag}", f"it {problem}. Accepted: {accepted}.")
    return element, element.text


def check_length(element: Element, text: str, limit: str, bounds: Bounds) -> None:
    """Refuse a text longer than the limit of that name."""
    allowed: int = getattr(bounds, limit)
    if len(text) > allowed:
        raise LimitExceeded(f"job spec, {element.path}", "characters", given=len(text), limit=limit, allowed=allowed)


def check_bytes(element: Element, text: str, limit: str, bounds: Bounds) -> None:
    """Refuse a text of more bytes, in UTF-8, than the limit of that name."""
    allowed: int = getattr(bounds, limit)
    given = len(text.encode())
    if given > allowed:
        raise LimitExceeded(f"job spec, {element.path}", "bytes", given=given, limit=limit, allowed=allowed)


def is_true(text: str) -> bool:
    """Tell whether a text means yes; everything that is not a known yes is a no, as OpenCue reads it."""
    return text.strip().lower() in TRUE_WORDS


def integer(element: Element, text: str, minimum: int, maximum: int = INT32_MAX) -> int:
    """Return a whole number between `minimum` and `maximum`."""
    if not _INTEGER.fullmatch(text) or not minimum <= int(text) <= maximum:
        raise SpecError(
            element.path, f'"{quoted(text)}" is not accepted. Accepted: a whole number from {minimum} to {maximum}.'
        )
    return int(text)


def optional_integer(parent: Element, tag: str, minimum: int) -> int | None:
    """Return the whole number of a child element, or `None` where nothing is said."""
    element = parent.first(tag)
    return integer(element, element.text, minimum) if element and element.text else None


def layer_cores(element: Element, bounds: Bounds, warn: Warn) -> int:
    """Return the centicores of `<cores>`: with a decimal point the text is cores, without it is centicores.

    Less than a tenth of a core becomes one core.
    """
    text = element.text
    if not _DECIMAL.fullmatch(text):
        raise SpecError(
            element.path,
            f'"{quoted(text)}" is not accepted. Accepted: cores with a decimal point (4.0), or hundredths of a core '
            "without (400); 0 is a whole host, a negative number all of it but that much.",
        )
    cores = Decimal(text) if "." in text else Decimal(text) / 100
    centicores, warning = located(element, read_frame_cores, cores, "the number of cores")
    if abs(centicores) > bounds.layer_cores_centicores:
        raise LimitExceeded(
            f"job spec, {element.path}",
            "centicores",
            given=centicores,
            limit="layer_cores_centicores",
            allowed=bounds.layer_cores_centicores,
        )
    if warning:
        warn(element, f'"{text}": {warning}; cores are written with a decimal point, such as 4.0')
    return centicores


def maximum_cores(element: Element) -> int:
    """Return the centicores of a job's `<maxcores>`, which is in cores; -1 is no maximum."""
    text = element.text
    if _DECIMAL.fullmatch(text):
        centicores = located(element, read_cores, Decimal(text), "the maximum of cores", unlimited=True)
        if centicores:
            return centicores
    raise SpecError(
        element.path,
        f'"{quoted(text)}" is not accepted. Accepted: cores above 0, such as 8 or 1.5, or -1 for no maximum.',
    )


def memory_kib(element: Element, minimum_kib: int, bounds: Bounds, warn: Warn) -> int:
    """Return the KiB of a memory text, at least the minimum: `512m` is MiB, `2g` or a bare `2` is GiB."""
    text = element.text
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise SpecError(
            element.path, f'"{quoted(text)}" is not accepted. Accepted: 512m (MiB), 2g (GiB), or 2, which is GiB too.'
        )
    unit = (match[2] or "g").lower()
    kib = int((Decimal(match[1]) * _KIB_PER_UNIT[unit]).to_integral_value(ROUND_HALF_UP))
    if kib > bounds.layer_memory_kib:
        raise LimitExceeded(
            f"job spec, {element.path}", "KiB", given=kib, limit="layer_memory_kib", allowed=bounds.layer_memory_kib
        )
    if kib < minimum_kib:
        warn(element, f'"{text}" is less than the minimum, so {minimum_kib // 1024}m is used')
        return minimum_kib
    return kib


def decimal_centicores(path: str, text: str, bounds: Bounds) -> int:
    """Return the centicores of an attribute that is always in cores, with or without a decimal point."""
    if _DECIMAL.fullmatch(text):
        try:
            centicores = read_cores(Decimal(text), "the number of cores")
        except Invalid as error:
            raise SpecError(path, str(error)) from error
        if 0 < centicores <= bounds.layer_cores_centicores:
            return centicores
    raise SpecError(
        path,
        f'"{quoted(text)}" is not accepted. Accepted: cores above 0, such as 8 or 1.5, '
        f"at most layer_cores_centicores = {bounds.layer_cores_centicores} hundredths.",
    )


def distinct(texts: list[str]) -> tuple[str, ...]:
    """Return the texts that are not empty, each once, in order."""
    return tuple(dict.fromkeys(text for text in texts if text))
