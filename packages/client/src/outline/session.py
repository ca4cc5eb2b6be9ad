"""Data and files of a launched outline, kept on disk where every frame finds them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, Union

from outline.config import config
from outline.exception import SessionException
from outline.util import get_uid

if TYPE_CHECKING:
    from outline.definition import Outline
    from outline.layer_base import Layer

_MARK = "session"
"""The file that makes a folder a session; it holds the session's name."""

_RESERVED = ("", ".", "..", _MARK, "layers", "scripts", "outline.yaml", "script.outline")


def is_session_path(folder: str) -> bool:
    """Say whether a path is the folder of a session, or a file in one."""
    folder = folder if os.path.isdir(folder) else os.path.dirname(folder)
    return os.path.isfile(os.path.join(folder, _MARK))


class Session:
    """The folder of one launched outline.

    Values and files belong to the whole job, or to a layer where `layer` (a layer or its name) is given. Writing is
    atomic, but there is no locking: of two frames that write the same name at the same time, the last one wins.
    """

    def __init__(self, outline: Outline) -> None:
        self.__outline = outline
        path = outline.get_path()
        if path and is_session_path(path):
            self.__path = os.path.abspath(path if os.path.isdir(path) else os.path.dirname(path))
            with open(os.path.join(self.__path, _MARK), encoding="utf-8") as stream:
                self.__name = stream.read().strip()
        else:
            import uuid  # not needed in frames, which find their session made

            self.__name = f"{outline.get_full_name()}/{uuid.uuid1()}"
            self.__path = os.path.join(self.__root(), *self.__name.split("/"))
            self.__make_folder(self.__path)

    def __root(self) -> str:
        pattern = config.get("outline", "session_dir")
        try:
            root = pattern.format(
                HOME=os.path.expanduser("~"), SHOW=self.__outline.get_show(), SHOT=self.__outline.get_shot()
            )
        except (KeyError, IndexError, ValueError) as error:
            raise SessionException(
                f"the option session_dir, {pattern!r}, may contain {{HOME}}, {{SHOW}} and {{SHOT}} only"
            ) from error
        root = os.path.expanduser(root)
        if root.startswith("~"):
            raise SessionException(f"no home folder for uid {get_uid()}: set HOME, or the option session_dir")
        return os.path.abspath(root)

    def __make_folder(self, path: str) -> None:
        mode = config.get("outline", "session_mode").strip()
        missing = []
        above = path
        while not os.path.isdir(above):
            missing.append(above)
            above = os.path.dirname(above)
        try:
            os.makedirs(path, exist_ok=True)
            if mode:
                for folder in missing:
                    os.chmod(folder, int(mode, 8))
        except OSError as error:
            raise SessionException(
                f"cannot make the session folder {path}: {error.strerror}; the option session_dir says where it goes"
            ) from error

    def get_name(self) -> str:
        """Return `<show>-<shot>-<user>_<name>/<id>`."""
        return self.__name

    def save(self) -> None:
        """Mark the folder as a session, which makes the outline in it one that frames can load."""
        from outline.yaml_values import write_file

        write_file(os.path.join(self.__path, _MARK), self.__name)

    def get_path(self, layer: Union[Layer, str, None] = None) -> str:
        """Return the folder of the session, or of one of its layers, which is made if need be."""
        if layer is None:
            return self.__path
        name = layer if isinstance(layer, str) else layer.get_name()
        path = os.path.join(self.__path, "layers", name)
        self.__make_folder(path)
        return path

    def put_file(
        self, src: Union[str, os.PathLike[str]], layer: Union[Layer, str, None] = None, rename: Optional[str] = None
    ) -> str:
        """Copy a file into the session, over one of the same name, and return its new path."""
        import shutil

        path = self.__path_of(rename or os.path.basename(src), layer)
        try:
            shutil.copy(src, path)
        except OSError as error:
            raise SessionException(f"cannot copy {os.fspath(src)} into the session: {error}") from error
        return path

    def sym_file(
        self, src: Union[str, os.PathLike[str]], layer: Union[Layer, str, None] = None, rename: Optional[str] = None
    ) -> str:
        """Put a symbolic link to a file into the session, in place of one of the same name, and return its path."""
        path = self.__path_of(rename or os.path.basename(src), layer)
        try:
            if os.path.lexists(path):
                os.unlink(path)
            os.symlink(os.path.abspath(src), path)
        except OSError as error:
            raise SessionException(f"cannot link {os.fspath(src)} into the session: {error}") from error
        return path

    def get_file(self, name: str, layer: Union[Layer, str, None] = None, check: bool = True, new: bool = False) -> str:
        """Return the path of a file of the session.

        Raises:
            SessionException: `check` and it is not there, or `new` and it is there already.
        """
        path = self.__path_of(name, layer)
        if new:
            if os.path.exists(path):
                raise SessionException(f"the file {name!r} is in the session already: {path}")
        elif check and not os.path.exists(path):
            raise SessionException(f"there is no file {name!r} in the session: {path}")
        return path

    def put_data(self, name: str, data: Any, layer: Union[Layer, str, None] = None, force: bool = False) -> None:
        """Store a value; with `force` in place of one that has the same name.

        Raises:
            SessionException: there is one already, or the value cannot be stored.
        """
        from outline.yaml_values import UnknownValue, dump, write_file

        path = self.__path_of(name, layer)
        if not force and os.path.exists(path):
            raise SessionException(f"the session has {name!r} already: give force=True to replace it, at {path}")
        try:
            text = dump(data)
        except UnknownValue as error:
            raise SessionException(f"cannot store {name!r} in the session: {error}") from error
        write_file(path, text)

    def get_data(self, name: str, layer: Union[Layer, str, None] = None) -> Any:
        """Return a stored value.

        Raises:
            SessionException: there is none of this name, or the file holds no value.
        """
        import yaml

        from outline.yaml_values import load

        path = self.__path_of(name, layer)
        try:
            with open(path, encoding="utf-8") as stream:
                return load(stream.read())
        except FileNotFoundError:
            raise SessionException(f"there is no data {name!r} in the session: {path}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SessionException(f"{path} does not hold a stored value: {error}") from error

    def __path_of(self, name: str, layer: Union[Layer, str, None]) -> str:
        if os.path.basename(name) != name or (layer is None and name in _RESERVED) or name in _RESERVED[:3]:
            raise SessionException(f"{name!r} cannot be the name of data or a file in a session")
        return os.path.join(self.get_path(layer), name)
