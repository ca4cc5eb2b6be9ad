"""The files and data of a layer: inputs, outputs, and its part of the session."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from FileSequence import FrameSet
from outline import execution, io
from outline.exception import LayerException, SessionException


class LayerFiles:
    """The part of a layer that knows what its frames read, write and store."""

    def __init__(self) -> None:
        self.__inputs: Dict[str, Any] = {}
        self.__outputs: Dict[str, Any] = {}
        self.__preprocess_layers: List[Any] = []

    def get_name(self) -> str:
        raise NotImplementedError

    def get_arg(self, key: str, default: Any = None) -> Any:
        raise NotImplementedError

    def get_outline(self) -> Any:
        raise NotImplementedError

    def _store_files(self) -> Dict[str, Any]:
        return {"inputs": self.__inputs, "outputs": self.__outputs, "preprocess_layers": self.__preprocess_layers}

    def _restore_files(self, fields: Mapping[str, Any]) -> None:
        self.__inputs = dict(fields["inputs"])
        self.__outputs = dict(fields["outputs"])
        self.__preprocess_layers = list(fields["preprocess_layers"])

    def add_input(self, name: Optional[str], inpt: Any) -> None:
        """Name a file or sequence that the layer reads."""
        self.__add_path(self.__inputs, "input", name, inpt)

    def add_output(self, name: Optional[str], output: Any) -> None:
        """Name a file or sequence that the layer writes; its path is shown to the artist."""
        self.__add_path(self.__outputs, "output", name, output)

    def __add_path(self, paths: Dict[str, Any], kind: str, name: Optional[str], path: Any) -> None:
        name = name or f"{kind}{len(paths)}"
        if name in paths:
            raise LayerException(f"layer {self.get_name()} has an {kind} named {name!r} already")
        paths[name] = path if isinstance(path, (io.Path, io.FileSpec)) else io.Path(path)

    def get_inputs(self) -> Dict[str, Any]:
        """Return the inputs by name."""
        return self.__inputs

    def get_outputs(self) -> Dict[str, Any]:
        """Return the outputs by name."""
        return self.__outputs

    def get_input(self, name: str) -> Any:
        """Return the input of this name."""
        return self.__get_path(self.__inputs, "input", name)

    def get_output(self, name: str) -> Any:
        """Return the output of this name."""
        return self.__get_path(self.__outputs, "output", name)

    def __get_path(self, paths: Dict[str, Any], kind: str, name: str) -> Any:
        if name not in paths:
            raise LayerException(f"layer {self.get_name()} has no {kind} named {name!r}")
        return paths[name]

    def set_input_attribute(self, name: str, value: Any) -> None:
        """Set an attribute of all inputs."""
        for path in self.__inputs.values():
            path.set_attribute(name, value)

    def set_output_attribute(self, name: str, value: Any) -> None:
        """Set an attribute of all outputs."""
        for path in self.__outputs.values():
            path.set_attribute(name, value)

    def check_input(self, frame_set: Optional[FrameSet] = None) -> None:
        """Raise a LayerException if an input with the attribute `checked` is not there."""
        self.__check_paths(self.__inputs, "input", frame_set)

    def check_output(self, frame_set: Optional[FrameSet] = None) -> None:
        """Raise a LayerException if an output with the attribute `checked` is not there, unless `nocheck` is set."""
        if not self.get_arg("nocheck"):
            self.__check_paths(self.__outputs, "output", frame_set)

    def __check_paths(self, paths: Dict[str, Any], kind: str, frame_set: Optional[FrameSet]) -> None:
        for name, path in paths.items():
            if path.get_attribute("checked") and not path.exists(frame_set):
                raise LayerException(f"the {kind} {name!r} of layer {self.get_name()} does not exist: {path}")

    def add_preprocess_layer(self, preprocess: Any) -> None:
        """Note a layer that prepares this one; what it outputs are outputs of this one when frames execute."""
        self.__preprocess_layers.append(preprocess)

    def get_preprocess_layers(self) -> List[Any]:
        """Return the layers that prepare this one."""
        return self.__preprocess_layers

    def load_outputs(self) -> None:
        """Take over the outputs that preprocess layers stored for this layer."""
        if not self.__preprocess_layers:
            return
        try:
            stored = self.get_data(execution.STORED_OUTPUTS)
        except SessionException:
            return  # no preprocess layer had any
        for name, path in stored.items():
            self.__outputs.setdefault(name, path)

    # The session

    def get_session(self) -> Any:
        """Return the session of the outline.

        Raises:
            LayerException: the layer belongs to no outline.
        """
        if self.get_outline() is None:
            raise LayerException(f"layer {self.get_name()} has no session: it belongs to no outline")
        return self.get_outline().get_session()

    def get_path(self) -> str:
        """Return the layer's folder in the session."""
        return self.get_session().get_path(self)

    def put_data(self, key: str, value: Any, force: bool = False) -> None:
        """Store a value for the layer's frames."""
        self.get_session().put_data(key, value, self, force)

    def get_data(self, key: str) -> Any:
        """Return a value that was stored for the layer."""
        return self.get_session().get_data(key, self)

    def put_file(self, src: str, rename: Optional[str] = None) -> str:
        """Copy a file into the layer's folder in the session, and return its new path."""
        return self.get_session().put_file(src, self, rename)

    def get_file(self, name: str, check: bool = True, new: bool = False) -> str:
        """Return the path of a file in the layer's folder in the session."""
        return self.get_session().get_file(name, self, check, new)

    def sym_file(self, src: str, rename: Optional[str] = None) -> str:
        """Put a symbolic link into the layer's folder in the session, and return its path."""
        return self.get_session().sym_file(src, self, rename)
