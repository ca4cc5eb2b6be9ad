"""The rules for names of shots, layers, jobs and frames."""

from __future__ import annotations

import re
from typing import Final, Literal

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.log_paths import log_file_name

NameKind = Literal["show", "shot", "layer"]

LATER_SUFFIX_BYTES: Final = len(".65535")
"""Logs of earlier runs of a frame are kept under the number of the attempt."""

NAME_CHARACTERS_MIN = 3
NAME_RULE = f"at least {NAME_CHARACTERS_MIN} characters out of letters a-z, digits, '_', '.' and '-', not only dots"
FRAME_DIGITS_MIN: Final = 4
USER_RULE = "letters, digits, '_', '.', '-', '@', '+' and single blanks within, not only dots"
PLAIN_RULE = "letters a-z, digits, '_', '.' and '-', not only dots"
LABEL_RULE = "printable characters, no blank at an end, not only dots"
FRAME_NAME_RULE = "a frame number, '-', and a layer name, such as 0001-comp"

_NAME = re.compile(rf"[A-Za-z0-9_.-]{{{NAME_CHARACTERS_MIN},}}")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_USER = re.compile(r"[\w.@+-]+(?: [\w.@+-]+)*")
_FRAME_NAME = re.compile(r"(-?[0-9]{1,10})-(.+)", re.DOTALL)
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


def check_name(kind: NameKind, text: str, bounds: Bounds) -> None:
    """Refuse a text that breaks the rule for names.

    Raises:
        Invalid: too short, too long, or with other characters.
    """
    if not _NAME.fullmatch(text) or _only_dots(text):
        raise Invalid(f'{kind} name "{quoted(text)}" is not allowed. Accepted: {NAME_RULE}.')
    bound = f"{kind}_name_characters"
    allowed = getattr(bounds, bound)
    if len(text) > allowed:
        raise Invalid(
            f'{kind} name "{quoted(text)}" has {len(text)} characters. Accepted: at most {allowed} ({bound}).'
        )


def folded(text: str) -> str:
    """Return what is the same in every spelling by which shows, jobs and layers are found: case, and '-' for '_'."""
    return text.replace("-", "_").lower()


def conform_name(kind: NameKind, text: str, bounds: Bounds) -> str:
    """Return a name in the one spelling that the farm keeps: lower case, '_' for '-'.

    Raises:
        Invalid: the text breaks the rule for names.
    """
    check_name(kind, text, bounds)
    return folded(text)


def plain_name(text: str, bounds: Bounds) -> str:
    """Return the name of an allocation, facility, limit or service: one word, for lists, tags and command lines.

    Raises:
        ValueError: it is none; says what may be given.
    """
    if not _PLAIN.fullmatch(text) or _only_dots(text) or len(text) > bounds.listed_name_characters:
        raise ValueError(
            f"1 to {bounds.listed_name_characters} characters out of {PLAIN_RULE} (listed_name_characters)"
        )
    return text


def undotted_name(text: str, bounds: Bounds) -> str:
    """Return the name of an allocation or a facility: `FACILITY.ALLOCATION` is told apart by its dot.

    Raises:
        ValueError: it is none; says what may be given.
    """
    if "." in text:
        raise ValueError("a name without a dot: it stands between facility and allocation")
    return plain_name(text, bounds)


def label(text: str, bounds: Bounds) -> str:
    """Return the name of a group or a host, in words that others have chosen: one line that can be shown.

    Raises:
        ValueError: it is none; says what may be given.
    """
    most = bounds.listed_name_characters
    if not 1 <= len(text) <= most or not text.isprintable() or text != text.strip() or _only_dots(text):
        raise ValueError(f"1 to {most} {LABEL_RULE} (listed_name_characters)")
    return text


def check_user(user: str, bounds: Bounds, *, allow_root: bool = False) -> None:
    """Refuse a user who may not own jobs; a user's name becomes part of job names and log paths.

    Raises:
        Invalid: the user is root and that is not allowed, or the name cannot stand in a path.
    """
    if user == "root" and not allow_root:
        raise Invalid('user "root" may not own jobs. Submit as the person whose work it is.')
    if not _USER.fullmatch(user) or _only_dots(user):
        raise Invalid(f'user "{quoted(user)}" is not allowed. Accepted: {USER_RULE}.')
    if len(user) > bounds.user_name_characters:
        raise Invalid(
            f'user "{quoted(user)}" has {len(user)} characters. Accepted: at most {bounds.user_name_characters} '
            "(user_name_characters)."
        )


def job_suffix(show: str, shot: str, user: str, text: str, bounds: Bounds) -> str:
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
        raise Invalid(f'job name "{quoted(text)}" is not allowed. Accepted: {NAME_RULE}, and not only "-" and "_".')
    suffix = suffix.replace("-", "_").lstrip("_")
    check_job_name(f"{prefix}_{suffix}", bounds)
    return suffix


def job_name(show: str, shot: str, user: str, text: str, bounds: Bounds) -> str:
    """Return the full name of a job, `show-shot-user_suffix` in lower case.

    Raises:
        Invalid: `text` breaks the rule for names.
    """
    return f"{_job_prefix(show, shot, user)}_{job_suffix(show, shot, user, text, bounds)}"


def check_job_name(name: str, bounds: Bounds) -> None:
    """Refuse a full name of a job for which no folder can be made.

    Raises:
        Invalid: it is too long.
    """
    length = len(name.encode())
    if length > bounds.job_name_bytes:
        raise Invalid(
            f'job name "{quoted(name)}" has {length} bytes with show, shot and user. '
            f"Accepted: at most {bounds.job_name_bytes} (job_name_bytes)."
        )


def post_job_name(show: str, shot: str, user: str, name: str, stamp_ms: int) -> str:
    """Return the name of the job of a job's Post layers: it belongs to the user `monitor`."""
    rest = name.removeprefix(_job_prefix(show, shot, user))
    return f"{_job_prefix(show, shot, 'monitor')}{rest}_post_job_{stamp_ms}"


def check_log_name(job: str, layer: str, number_characters: int, bounds: Bounds) -> None:
    """Refuse a layer's name that, with its job's, leaves no room for the names of its frames' logs.

    `number_characters` is how long the longest number of a frame is written.

    Raises:
        Invalid: such a name is too long.
    """
    frame = f"{'0' * max(number_characters, FRAME_DIGITS_MIN)}-{layer}"
    length = len(log_file_name(job, frame).encode()) + LATER_SUFFIX_BYTES
    if length > bounds.file_name_bytes:
        most = len(layer) - (length - bounds.file_name_bytes)
        raise Invalid(
            f'layer name "{quoted(layer)}" has {len(layer)} bytes. With job name "{quoted(job)}", {len(job.encode())} '
            f"bytes, the logs of its frames need file names of {length} bytes, and there are {bounds.file_name_bytes} "
            f"(file_name_bytes). Accepted: at most {most} bytes for this layer, or a shorter job name."
        )


def frame_name(number: int, layer: str) -> str:
    """Return the name of a frame: its number in at least four digits, '-', the layer's name."""
    return f"{number:0{FRAME_DIGITS_MIN}d}-{layer}"


def parse_frame_name(text: str, bounds: Bounds) -> tuple[int, str]:
    """Return the number and the conformed layer name of a frame's name.

    Raises:
        Invalid: the text is no frame name.
    """
    match = _FRAME_NAME.fullmatch(text)
    if match is None or not _INT32_MIN <= int(match[1]) <= _INT32_MAX:
        raise Invalid(f'frame name "{quoted(text)}" is not allowed. Accepted: {FRAME_NAME_RULE}.')
    return int(match[1]), conform_name("layer", match[2], bounds)


def _only_dots(text: str) -> bool:
    """Such a name would be the folder itself, or the one above it, where it becomes part of a path."""
    return not text.strip(". ")


def _job_prefix(show: str, shot: str, user: str) -> str:
    """Return what stands before '_' in the names of this show's, shot's and user's jobs."""
    return f"{show}-{shot}-{user.replace(' ', '_')}".lower().rstrip("_")


def short_host_name(name: str) -> str:
    """Return a host's name as reports from outside are matched: without its domain, in lower case; an address whole."""
    name = name.strip().lower()
    short = name.partition(".")[0]
    return name if short.isdecimal() else short


NOBODYS_DOMAIN: Final = "@example.com"
"""Of the addresses that `outline` writes where a studio has set no domain of its own."""
_MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"\x00-\x1f]+@[^\s@<>,;:\"\x00-\x1f]+")


def is_mail_address(text: str) -> bool:
    """Whether a text is one mail address, as far as can be told without sending to it."""
    return _MAIL_ADDRESS.fullmatch(text) is not None
