"""A launched outline as a file, and back.

The file holds two YAML documents: first the names of the classes and where they come from, then the outline and its
layers. Layers are numbered; `!layer 3` is a reference. Nothing but plain values, the types of `yaml_values`, and
subclasses of Layer and Outline comes out of it. A stored script runs only if it lies in the folder of the file.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Set, Type

import yaml

from outline import event
from outline.class_names import Names, find, find_function
from outline.exception import OutlineException
from outline.layer_base import Layer
from outline.scripts import reread_script
from outline.yaml_values import UnknownValue, ValueDumper, ValueLoader, dump, write_file

if TYPE_CHECKING:
    from outline.definition import Outline

FORMAT = 1
"""The number of this file format."""

FILE_NAME = "outline.yaml"
_SCRIPTS = "scripts"
MODULE_PATHS = ("OUTLINE_MODULES_PATHS", "CUE_MODULE_PATHS")
"""Variables with folders of a studio's own modules; the first goes before the second."""


class _OutlineLoader(ValueLoader):
    outline: Outline
    layers: List[Layer]


def _layer_of(loader: Any, node: Any) -> Any:
    return loader.layers[int(loader.construct_scalar(node))]


def _outline_of(loader: Any, node: Any) -> Any:
    return loader.outline


_OutlineLoader.add_constructor("!layer", _layer_of)
_OutlineLoader.add_constructor("!outline", _outline_of)


def store(outline: Outline, folder: str, kind: Type[Outline]) -> str:
    """Write an outline, and the scripts that its classes come from, into a folder; return the path of the file.

    `kind` is the class `Outline`, which imports this module.

    Raises:
        OutlineException: a layer has something that cannot be stored.
    """
    layers = _all_layers(outline)
    names = Names()
    numbers = {id(layer): number for number, layer in enumerate(layers)}

    class Dumper(ValueDumper):
        """Writes layers as references."""

    def represent_layer(dumper: Any, layer: Layer) -> Any:
        if id(layer) not in numbers:
            raise UnknownValue(layer)
        return dumper.represent_scalar("!layer", str(numbers[id(layer)]))

    Dumper.add_multi_representer(Layer, represent_layer)
    Dumper.add_multi_representer(kind, lambda dumper, value: dumper.represent_scalar("!outline", ""))

    classes = [names.name_of(type(layer), f"layer {layer.get_name()}") for layer in layers]
    outline_class = names.name_of(type(outline), "the outline")
    listeners = [_store_listeners(layer, names) for layer in layers]
    header = {
        "cuefarm_outline": FORMAT,
        "argv": sys.argv,
        "python_path": [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path],
        "module_folders": names.roots,
        "modules_paths": os.pathsep.join(filter(None, map(os.environ.get, MODULE_PATHS))),
        "scripts": _store_scripts(names, folder),
        "outline": outline_class,
        "classes": classes,
    }
    stored = [{**layer._store(), "listeners": listeners[number]} for number, layer in enumerate(layers)]
    try:
        content = dump({"outline": outline._store(), "layers": stored}, Dumper)
    except UnknownValue as error:
        raise OutlineException(
            f"{_culprit(stored, Dumper)} cannot be stored for the farm: {error}. Make such objects in _before_execute."
        ) from error
    path = os.path.join(folder, FILE_NAME)
    write_file(path, f"{dump(header)}---\n{content}")
    return path


def _culprit(stored: List[Dict[str, Any]], dumper: type) -> str:
    for fields in stored:
        for kind, label in (("args", "argument"), ("own", "attribute"), ("files", "files")):
            for key, value in fields[kind].items():
                try:
                    dump(value, dumper)
                except UnknownValue:
                    return f"the {label} {key!r} of layer {fields['name']}"
    return "an argument of the outline"


def _all_layers(outline: Outline) -> List[Layer]:
    """Return the layers, their children, and all that those wait for or are prepared by."""
    found: Dict[int, Layer] = {}
    pending = list(reversed(outline.get_layers()))
    while pending:
        layer = pending.pop()
        if id(layer) not in found:
            found[id(layer)] = layer
            further = [*layer.get_children(), *layer.get_preprocess_layers()]
            further += [depend.get_depend_on_layer() for depend in layer.get_depends()]
            pending.extend(reversed(further))
    return list(found.values())


def _store_scripts(names: Names, folder: str) -> Dict[str, str]:
    import shutil

    stored = {}
    for module, path in names.scripts.items():
        os.makedirs(os.path.join(folder, _SCRIPTS), exist_ok=True)
        stored[module] = f"{module}.py"
        shutil.copyfile(path, os.path.join(folder, _SCRIPTS, stored[module]))
    return stored


def _store_listeners(layer: Layer, names: Names) -> List[Dict[str, str]]:
    """Name the listeners of what happens on the farm: methods of the layer, and functions beside layer classes."""
    stored = []
    for event_type in event.FRAME_EVENT_TYPES:
        for callback in layer.get_event_handler().get_event_listeners(event_type):
            if getattr(callback, "__self__", None) is layer:
                stored.append({"event": event_type, "method": callback.__name__})
            elif hasattr(callback, "__qualname__"):
                name = names.name_of(callback, f"a listener of layer {layer.get_name()}")
                stored.append({"event": event_type, "function": name})
            else:
                raise OutlineException(f"the listener {callback!r} of layer {layer.get_name()} is no named function")
    return stored


def load(path: str, kind: Type[Outline]) -> Outline:
    """Return the outline of a file that `store` wrote; it is of a kind, `Outline` or one derived from that.

    Raises:
        OutlineException: it is no such file, or names something that is not to be found here.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            loader = _OutlineLoader(stream.read())
        header = loader.get_data()
        if not isinstance(header, dict) or header.get("cuefarm_outline") != FORMAT:
            raise OutlineException(f"{path} is no stored outline of format {FORMAT}")
        _prepare_imports(header, os.path.dirname(os.path.abspath(path)), kind("rereading"))
        loader.outline = _bare(find(header["outline"], kind))
        loader.layers = [_bare(find(name, Layer)) for name in header["classes"]]
        content = loader.get_data()
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise OutlineException(f"cannot load the outline {path}: {error}") from error
    modules = {name.partition(":")[0] for name in header["classes"]} | set(header["scripts"])
    _restore(loader.outline, loader.layers, content, modules)
    return loader.outline


def _prepare_imports(header: Dict[str, Any], folder: str, useless: Outline) -> None:
    import outline.modules

    sys.path[1:1] = [path for path in header["python_path"] if path not in sys.path]
    sys.path.extend(path for path in header["module_folders"] if path not in sys.path)
    outline.modules.add_paths(header["modules_paths"])
    for module, name in header["scripts"].items():
        if os.path.basename(name) != name:
            raise OutlineException(f"{name!r} is no script of the session {folder}")
        reread_script(os.path.join(folder, _SCRIPTS, name), module, header["argv"], useless)


def _bare(cls: Any) -> Any:
    return cls.__new__(cls)  # a constructor may have side effects, and what it sets is stored


def _restore(outline: Outline, layers: List[Layer], content: Dict[str, Any], modules: Set[str]) -> None:
    stored = content["layers"]
    for number, layer in enumerate(layers):
        layer._restore(stored[number], outline)
    outline._restore(content["outline"])
    for number, layer in enumerate(layers):
        fields = stored[number]
        layer._restore_depends(fields)
        for listener in fields["listeners"]:
            if "method" in listener:
                callback = getattr(layer, listener["method"])
            else:
                callback = find_function(listener["function"], modules)
            layer.add_event_listener(listener["event"], callback)
