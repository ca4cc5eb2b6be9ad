"""Values as YAML: what sessions and stored outlines may hold.

Only plain values and the few types named here are written or read; reading never constructs anything else. A file
is UTF-8 and takes its place at once, so that a reader in another process sees the old or the new content.
"""

from __future__ import annotations

import os
from typing import Any

import yaml

from FileSequence import FileSequence, FrameRange, FrameSet
from outline.io import FileSpec, Path
from outline.util import compact_frame_range

try:
    from yaml import CSafeDumper as _BaseDumper
    from yaml import CSafeLoader as _BaseLoader
except ImportError:  # PyYAML without its C part is slower, and reads and writes the same
    from yaml import SafeDumper as _BaseDumper  # type: ignore[assignment]
    from yaml import SafeLoader as _BaseLoader  # type: ignore[assignment]


class ValueDumper(_BaseDumper):
    """Writes the values that `ValueLoader` reads, and refuses all others."""


class ValueLoader(_BaseLoader):
    """Reads plain values, tuples, frames, paths and file specifications."""


class UnknownValue(Exception):
    """A value is of a type that cannot be stored."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{value!r} of type {type(value).__module__}.{type(value).__qualname__} cannot be stored")


def dump(value: Any, dumper: type = ValueDumper) -> str:
    """Return a value as YAML text.

    Raises:
        UnknownValue: something in it cannot be stored.
    """
    return yaml.dump(value, Dumper=dumper, default_flow_style=False, sort_keys=False, allow_unicode=True)


def load(text: str, loader: type = ValueLoader) -> Any:
    """Return the value of a YAML text.

    Raises:
        yaml.YAMLError: the text is no YAML, or holds something that was not written here.
    """
    return yaml.load(text, Loader=loader)


def write_file(path: str, text: str) -> None:
    """Write a text file so that it is there completely or not at all."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(temporary, "x", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _construct_pathlib(loader: Any, node: Any) -> Any:
    import pathlib  # slow to import, and seldom needed

    return pathlib.Path(loader.construct_scalar(node))


def _represent_other(dumper: Any, value: object) -> Any:
    if isinstance(value, os.PathLike) and type(value).__module__.startswith("pathlib"):
        return dumper.represent_scalar("!pathlib", str(value))
    raise UnknownValue(value)


def _represent_paths(tag: str) -> Any:
    def represent(dumper: Any, value: Any) -> Any:
        return dumper.represent_mapping(tag, {"path": value.get_path(), "attributes": value.get_attributes()})

    return represent


def _construct_paths(factory: Any) -> Any:
    def construct(loader: Any, node: Any) -> Any:
        fields = loader.construct_mapping(node, deep=True)
        return factory(fields["path"], **fields["attributes"])

    return construct


def _construct_frames(loader: Any, node: Any) -> FrameSet:
    text = loader.construct_scalar(node)
    return FrameSet(text) if text else FrameSet.of(())


def _construct_tuple(loader: Any, node: Any) -> Any:
    return tuple(loader.construct_sequence(node, deep=True))


def _construct_file_sequence(loader: Any, node: Any) -> Any:
    return FileSequence(loader.construct_scalar(node))


def _add_types() -> None:
    # PyYAML takes the first multi representer along the type's own base classes, so these stand for subclasses.
    ValueDumper.add_multi_representer(str, lambda dumper, value: dumper.represent_str(str.__str__(value)))
    ValueDumper.add_multi_representer(int, lambda dumper, value: dumper.represent_int(int(value)))
    ValueDumper.add_multi_representer(float, lambda dumper, value: dumper.represent_float(float(value)))
    ValueDumper.add_multi_representer(dict, lambda dumper, value: dumper.represent_dict(dict(value)))
    ValueDumper.add_multi_representer(list, lambda dumper, value: dumper.represent_list(list(value)))
    ValueDumper.add_representer(tuple, lambda dumper, value: dumper.represent_sequence("!tuple", list(value)))
    ValueDumper.add_representer(frozenset, lambda dumper, value: dumper.represent_set(value))
    for type_ in (FrameSet, FrameRange):
        ValueDumper.add_representer(
            type_, lambda dumper, value: dumper.represent_scalar("!frames", compact_frame_range(value))
        )
    ValueDumper.add_representer(
        FileSequence, lambda dumper, value: dumper.represent_scalar("!file_sequence", str(value))
    )
    ValueDumper.add_multi_representer(Path, _represent_paths("!path"))
    ValueDumper.add_multi_representer(FileSpec, _represent_paths("!file_spec"))
    ValueDumper.add_representer(None, _represent_other)  # type: ignore[arg-type]  # PyYAML's word for all others
    ValueDumper.add_multi_representer(object, _represent_other)

    ValueLoader.add_constructor("!tuple", _construct_tuple)
    ValueLoader.add_constructor("!frames", _construct_frames)
    ValueLoader.add_constructor("!file_sequence", _construct_file_sequence)
    ValueLoader.add_constructor("!pathlib", _construct_pathlib)
    ValueLoader.add_constructor("!path", _construct_paths(Path))
    ValueLoader.add_constructor("!file_spec", _construct_paths(FileSpec))


_add_types()
