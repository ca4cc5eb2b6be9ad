"""Values of options that are numbers: what is accepted, in words that name what was typed."""

from __future__ import annotations

import argparse
import math

CORES_MIN = 0.01
CORES_MAX = 21_474_836
"""Servers count hundredths of cores in 32 bits."""
INTEGER_MAX = 2**31 - 1
RETRIES_MAX = 16
"""What a server takes unless its limit `job_retries` is another."""
DIGITS_MAX = 20


def atLeastOne(text: str) -> int:
    """Read a whole number from 1 on."""
    return _whole(text, 1, INTEGER_MAX)


def notNegative(text: str) -> int:
    """Read a whole number from 0 on."""
    return _whole(text, 0, INTEGER_MAX)


def minutes(text: str) -> int:
    """Read a number of minutes."""
    return _whole(text, 1, INTEGER_MAX, "whole minutes, at least 1")


def retries(text: str) -> int:
    """Read how often a frame is tried again."""
    return _whole(text, 0, RETRIES_MAX, f"a whole number from 0 to {RETRIES_MAX}")


def cores(text: str) -> float:
    """Read a number of cores."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not CORES_MIN <= number <= CORES_MAX:
        raise argparse.ArgumentTypeError(
            f"{_short(text)!r} is not accepted: write a number from {CORES_MIN} on, such as 4 or 0.5"
        )
    return number


def memory(text: str) -> str:
    """Check an amount of memory, which stays as it is typed."""
    from outline.backend.spec import memory_text  # whoever names memory submits, which takes it anyway
    from outline.exception import LayerException

    try:
        memory_text(text)
    except LayerException as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _whole(text: str, least: int, most: int, words: str = "") -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX and least <= int(digits) <= most):
        raise argparse.ArgumentTypeError(
            f"{_short(text)!r} is not accepted: write {words or f'a whole number, at least {least}'}"
        )
    return int(digits)


def _short(text: str) -> str:
    return text if len(text) <= DIGITS_MAX else f"{text[:DIGITS_MAX]}..."
