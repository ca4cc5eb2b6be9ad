"""The rules for names of shots, layers, jobs and frames."""

from __future__ import annotations

import re
from typing import Literal

from .errors import Invalid, shown
from .limits import DEFAULT_LIMITS, Limits

NameKind = Literal["show", "shot", "layer"]

NAME_CHARACTERS_MIN = 3
NAME_RULE = f"at least {NAME_CHARACTERS_MIN} characters out of letters a-z, digits, '_', '.' and '-'"
USER_RULE = "letters, digits, '_', '.', '-', '@', '+' and single blanks within"
FRAME_NAME_RULE = "a frame number, '-', and a layer name, such as 0001-comp"

_NAME = re.compile(rf"[A-Za-z0-9_.-]{{{NAME_CHARACTERS_MIN},}}")
_USER = re.compile(r"[\w.@+-]+(?: [\w.@+-]+)*")
_FRAME_NAME = re.compile(r"(-?[0-9]{1,10})-(.+)", re.DOTALL)
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


def check_name(kind: NameKind, text: str, limits: Limits = DEFAULT_LIMITS) -> None:
    """Refuse a text that breaks the rule for names.

    Raises:
        Invalid: too short, too long, or with other characters.
    """
    if not _NAME.fullmatch(text):
        raise Invalid(f'{kind} name "{shown(text)}" is not allowed. Accepted: {NAME_RULE}.')
    allowed = _characters_max(kind, limits)
    if len(text) > allowed:
        raise Invalid(f'{kind} name "{shown(text)}" has {len(text)} characters. Accepted: at most {allowed}.')


def conform_name(kind: NameKind, text: str, limits: Limits = DEFAULT_LIMITS) -> str:
    """Return a name in the one spelling that the farm keeps: lower case, '_' for '-'.

    Raises:
        Invalid: the text breaks the rule for names.
    """
    check_name(kind, text, limits)
    return text.replace("-", "_").lower()


def check_user(user: str, limits: Limits = DEFAULT_LIMITS, *, allow_root: bool = False) -> None:
    """Refuse a user who may not own jobs; a user's name becomes part of job names and log paths.

    Raises:
        Invalid: the user is root and that is not allowed, or the name cannot stand in a path.
    """
    if user == "root" and not allow_root:
        raise Invalid('user "root" may not own jobs. Submit as the person whose work it is.')
    if not _USER.fullmatch(user):
        raise Invalid(f'user "{shown(user)}" is not allowed. Accepted: {USER_RULE}.')
    if len(user) > limits.user_name_characters:
        raise Invalid(
            f'user "{shown(user)}" has {len(user)} characters. Accepted: at most {limits.user_name_characters}.'
        )


def job_suffix(show: str, shot: str, user: str, text: str, limits: Limits = DEFAULT_LIMITS) -> str:
    """Return a job's name without the show, shot and user that stand before it.

    Runs of '_' become one and '-' becomes '_'. `text` may already be the full name.

    Raises:
        Invalid: what is left breaks the rule for names.
    """
    prefix = _job_prefix(show, shot, user)
    suffix = text.lower()
    if suffix.startswith(prefix + "_"):
        suffix = suffix[len(prefix) :]
    suffix = re.sub("_{2,}", "_", suffix)
    if not _NAME.fullmatch(suffix) or not suffix.strip("_-"):
        raise Invalid(
            f'job name "{shown(text)}" is not allowed. Accepted: {NAME_RULE}, of which one is no dash or underscore.'
        )
    suffix = suffix.replace("-", "_").lstrip("_")
    length = len(prefix) + 1 + len(suffix)
    if length > limits.job_name_characters:
        raise Invalid(
            f'job name "{shown(text)}" has {length} characters with show, shot and user. '
            f"Accepted: at most {limits.job_name_characters}."
        )
    return suffix


def job_name(show: str, shot: str, user: str, text: str, limits: Limits = DEFAULT_LIMITS) -> str:
    """Return the full name of a job, `show-shot-user_suffix` in lower case.

    Raises:
        Invalid: `text` breaks the rule for names.
    """
    return f"{_job_prefix(show, shot, user)}_{job_suffix(show, shot, user, text, limits)}"


def frame_name(number: int, layer: str) -> str:
    """Return the name of a frame: its number in at least four digits, '-', the layer's name."""
    return f"{number:04d}-{layer}"


def parse_frame_name(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[int, str]:
    """Return the number and the conformed layer name of a frame's name.

    Raises:
        Invalid: the text is no frame name.
    """
    match = _FRAME_NAME.fullmatch(text)
    if match is None or not _INT32_MIN <= int(match[1]) <= _INT32_MAX:
        raise Invalid(f'frame name "{shown(text)}" is not allowed. Accepted: {FRAME_NAME_RULE}.')
    return int(match[1]), conform_name("layer", match[2], limits)


def _job_prefix(show: str, shot: str, user: str) -> str:
    """Return what stands before '_' in the names of this show's, shot's and user's jobs."""
    return f"{show}-{shot}-{user.replace(' ', '_')}".lower().rstrip("_")


def _characters_max(kind: NameKind, limits: Limits) -> int:
    """Return how long a name of this kind may be."""
    return {
        "show": limits.show_name_characters,
        "shot": limits.shot_name_characters,
        "layer": limits.layer_name_characters,
    }[kind]
