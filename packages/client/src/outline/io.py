"""Files that layers read and write, and commands that they run."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from typing import Any, Dict, Iterable, List, Optional, Union

from FileSequence import FileSequence, FrameSet
from outline.command_line import Command, replace_tokens, token_values
from outline.exception import FileSpecException, ShellCommandFailureException
from outline.util import compact_frame_range

logger = logging.getLogger(__name__)

COMMAND_NOT_STARTED = 16
"""The exit status of a command that could not be started at all."""


def prep_shell_command(cmd: Command, frame: Optional[int] = None) -> List[str]:
    """Return a command as a list of words with its tokens replaced.

    A text is split as a shell would, but nothing in it is expanded. `%{FRAME}`, `%{ZFRAME}` (four digits) and
    `%{RANGE}` (the frames of this execution) are replaced, as are the tokens of the server.
    """
    arguments = shlex.split(cmd) if isinstance(cmd, str) else [str(word) for word in cmd]
    frame_range = os.environ.get("OL_LAYER_RANGE", "")
    values: Dict[str, str] = {}
    if frame is not None:
        values = dict(token_values([frame], os.environ.get("CUE_LAYER", ""), os.environ.get("CUE_JOB", "")))
        values["#FRAME_CHUNK#"] = os.environ.get("CUE_CHUNK", "1")
    prepared = []
    for word in arguments:
        word = word.replace("%{RANGE}", frame_range)
        if frame is not None:
            word = word.replace("%{FRAME}", str(frame)).replace("%{ZFRAME}", f"{frame:04d}")
        prepared.append(replace_tokens(word, values))
    return prepared


def system(cmd: Command, ignore_error: bool = False, frame: Optional[int] = None) -> None:
    """Run a command without a shell and wait for it.

    Raises:
        ShellCommandFailureException: it ended with a status other than 0 (unless `ignore_error`), or could not be
            started, which counts as status 16.
    """
    import subprocess

    arguments = prep_shell_command(cmd, frame)
    text = " ".join(map(shlex.quote, arguments))
    logger.info("running: %s", text)
    sys.stdout.flush()  # what was printed so far comes before what the command prints
    try:
        status = subprocess.call(arguments)
    except OSError as error:
        raise ShellCommandFailureException(f"cannot start the command {text}: {error}", COMMAND_NOT_STARTED) from error
    if status != 0 and not ignore_error:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise ShellCommandFailureException(f"the command ended with {how}: {text}", status)


class _WithAttributes:
    """What a path and a file specification share: attributes that say how outline is to treat the files."""

    def __init__(self, attributes: Dict[str, Any]) -> None:
        self.__attributes = {"checked": False, "mkdir": False, **attributes}

    def get_attribute(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute, or the default where it is not set."""
        return self.__attributes.get(name, default)

    def set_attribute(self, name: str, value: Any) -> None:
        """Set an attribute; `checked` has the files checked, `mkdir` has their folder made."""
        self.__attributes[name] = value

    def get_attributes(self) -> Dict[str, Any]:
        """Return all attributes by name."""
        return self.__attributes


class Path(_WithAttributes):
    """The path of one file or folder."""

    def __init__(self, path: Union[str, os.PathLike[str]], **attributes: Any) -> None:
        super().__init__(attributes)
        self.__path = os.fspath(path)

    def mkdir(self) -> None:
        """Make the folder, and those above it, where they do not exist."""
        os.makedirs(self.__path, exist_ok=True)

    def exists(self, frame_set: Optional[Iterable[int]] = None) -> bool:
        """Say whether something is there."""
        return os.path.exists(self.__path)

    def get_path(self) -> str:
        """Return the path as text."""
        return self.__path

    def get_basename(self) -> str:
        """Return the name without the folder."""
        return os.path.basename(self.__path)

    def get_dirname(self) -> str:
        """Return the folder."""
        return os.path.dirname(self.__path)

    def get_ext(self) -> str:
        """Return the suffix with its dot, or an empty text."""
        return os.path.splitext(self.__path)[1]

    def get_size(self, frame_set: Optional[Iterable[int]] = None) -> int:
        """Return the size in bytes."""
        return os.path.getsize(self.__path)

    def __str__(self) -> str:
        return self.__path

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self.__path)


class FileSpec(_WithAttributes):
    """A numbered sequence of files, written as `FileSequence` takes it: `/shots/beauty.1-10#.exr`."""

    def __init__(self, path: str, **attributes: Any) -> None:
        super().__init__(attributes)
        self.__sequence = FileSequence(str(path))

    def exists(self, frame_set: Optional[Iterable[int]] = None) -> bool:
        """Say whether the file of every frame is there and not empty.

        The attribute `checkExt` names another suffix that will do as well, or a list of them.
        """
        return all(self.__present(self.get_frame_path(frame)) for frame in self.__frames(frame_set))

    def __present(self, path: str) -> bool:
        others = self.get_attribute("checkExt") or []
        suffixes = [others] if isinstance(others, str) else others
        stem = path[: -len(self.get_ext())]
        candidates = [path, *(f"{stem}.{suffix.lstrip('.')}" for suffix in suffixes)]
        return any(os.path.isfile(candidate) and os.path.getsize(candidate) > 0 for candidate in candidates)

    def mkdir(self) -> None:
        """Make the folder of the files, and those above it, where they do not exist."""
        os.makedirs(self.get_dirname() or ".", exist_ok=True)

    def get_size(self, frame_set: Optional[Iterable[int]] = None) -> int:
        """Return the size of all files together in bytes."""
        return sum(os.path.getsize(self.get_frame_path(frame)) for frame in self.__frames(frame_set))

    def get_path(self) -> str:
        """Return the specification as it was given."""
        return str(self.__sequence)

    def get_basename(self) -> str:
        """Return the name without folder, frame number and suffix."""
        return self.__sequence.getBasename()

    def get_dirname(self) -> str:
        """Return the folder without a slash at its end."""
        return self.__sequence.getDirname().rstrip("/")

    def get_element_dir(self) -> str:
        """Return the folder above the one that holds the files."""
        return os.path.dirname(self.get_dirname())

    def get_ext(self) -> str:
        """Return the suffix with its dot."""
        return self.__sequence.getSuffix()

    def get_rep(self) -> str:
        """Return the name of the folder that holds the files: `<resolution>_<colour space>` by convention."""
        return os.path.basename(self.get_dirname())

    def get_res(self) -> str:
        """Return the resolution that the folder's name gives.

        Raises:
            FileSpecException: the folder is not named `<resolution>_<colour space>`.
        """
        return self.__rep_parts()[0]

    def get_colorspace(self) -> str:
        """Return the colour space that the folder's name gives.

        Raises:
            FileSpecException: the folder is not named `<resolution>_<colour space>`.
        """
        return self.__rep_parts()[1]

    def __rep_parts(self) -> List[str]:
        parts = self.get_rep().split("_", 1)
        if len(parts) != 2:
            raise FileSpecException(f"the folder of {self} is not named <resolution>_<colour space>")
        return parts

    def get_frame_path(self, num: int) -> str:
        """Return the path of one frame's file."""
        return self.__sequence(num)

    def get_temp_frame_path(self, num: int, path: Optional[str] = None) -> str:
        """Return a path of the same name in a temporary folder."""
        return os.path.join(path or _temporary_folder(), os.path.basename(self.get_frame_path(num)))

    def get_temp_file_spec(self, path: Optional[str] = None) -> FileSpec:
        """Return the same sequence in a temporary folder."""
        name = os.path.basename(self.get_path())
        return FileSpec(os.path.join(path or _temporary_folder(), name), **self.get_attributes())

    def get_frame_set(self) -> Optional[FrameSet]:
        """Return the range that the specification itself names, or None."""
        return self.__sequence.frameSet

    def get_file_spec(self, fs: Optional[Iterable[int]] = None) -> str:
        """Return the specification as text, without a range or with the one given: `name.1-10#.exr`."""
        frames = compact_frame_range(fs) if fs is not None else ""
        padding = "#" * self.__sequence.getPadSize()
        return f"{self.__sequence.getPrefix()}{frames}{padding}{self.get_ext()}"

    def __frames(self, frame_set: Optional[Iterable[int]]) -> Iterable[int]:
        frames = frame_set if frame_set is not None else self.get_frame_set()
        if frames is None:
            raise FileSpecException(f"{self} names no frames of its own: say which ones are meant")
        return frames

    def __str__(self) -> str:
        return self.get_path()


Image = FileSpec
"""The older name of a file specification."""


def resolve(path: Union[str, os.PathLike[str], Path, FileSpec]) -> Union[Path, FileSpec]:
    """Return a path or file specification for anything that names one."""
    if isinstance(path, (Path, FileSpec)):
        return path
    try:
        return FileSpec(os.fspath(path))
    except ValueError:
        return Path(path)


def _temporary_folder() -> str:
    import tempfile

    return tempfile.gettempdir()
