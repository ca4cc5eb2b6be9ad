"""A layer: a set of frames that run the same code or command.

What happens when a frame executes is in `execution.py`; how layers wait for each other is in `waiting.py`.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Union

from FileSequence import FrameSet
from outline import current, event, execution, io, util, waiting
from outline.config import config
from outline.constants import LAYER_TYPES, LayerType
from outline.depend import Depend
from outline.exception import LayerException
from outline.layer_files import LayerFiles
from outline.layer_resources import LayerResources

_PRIVATE = ("_Layer__", "_LayerFiles__")
"""How the names of attributes begin that are not a subclass's own."""

NO_RANGE = "1000-1000"
"""The frame range of a layer when neither it nor its outline has one."""


class _LayerMeta(type):
    """Registers a layer with the current outline, and shows it to the plugins, once it is constructed completely."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        from outline.plugins import PluginManager

        layer = super().__call__(*args, **kwargs)
        outline = current.get()
        if outline is not None and layer.get_arg("register"):
            outline.add_layer(layer)
        PluginManager.init_layer(layer)
        return layer


class Layer(LayerFiles, LayerResources, metaclass=_LayerMeta):
    """A numbered set of frames; subclasses say in `_execute` what a frame does.

    Arguments are any keywords; those that outline itself reads are `chunk command cores env limits memory range
    register require service tags threadable timeout timeout_llu type` and a few more. They come from, the last one
    winning: the class, the section of the configuration that is named after the class, the constructor's keywords.
    """

    def __init__(self, name: str, **args: Any) -> None:
        self.__begin()
        self.__args: Dict[str, Any] = self.get_default_args(args)
        self.set_name(name)
        for key, value in (self.__args.get("env") or {}).items():
            self.set_env(key, value)
        self.set_type(self.__args.get("type") or LayerType.RENDER)

    def __begin(self) -> None:
        super().__init__()
        self.__name = ""
        self.__outline: Any = None
        self.__parent: Optional[Layer] = None
        self.__children: List[Layer] = []
        self.__depends: List[Depend] = []
        self.__dependents: List[Depend] = []
        self.__job_depends: List[waiting.JobDepend] = []
        self.__args = {}
        self.__required_args: Dict[str, Any] = {}
        self.__env: Dict[str, str] = {}
        self.__events = event.EventHandler(self)
        self.__failure: Optional[BaseException] = None

    # Name, type and place in the outline

    def get_name(self) -> str:
        """Return the name; that of a child begins with its parent's: `parent.child`."""
        return f"{self.__parent.get_name()}.{self.__name}" if self.__parent else self.__name

    def set_name(self, name: str) -> None:
        """Rename the layer, which is possible until its outline is set up."""
        from outline.constants import OUTLINE_MODE_INIT

        if self.__outline is not None and self.__outline.get_mode() != OUTLINE_MODE_INIT:
            raise LayerException(f"layer {self.get_name()} can no longer be renamed: its outline is set up")
        if not name or os.path.basename(name) != name or name in (".", ".."):
            raise LayerException(f"{name!r} cannot be the name of a layer")
        self.__name = name

    def get_type(self) -> str:
        """Return what the layer is for: `Render`, `Util` or `Post`."""
        return self.__args["type"]

    def set_type(self, t: Union[str, LayerType]) -> None:
        """Say what the layer is for: `Render`, `Util` or `Post`."""
        if t not in LAYER_TYPES:
            raise LayerException(f"{t!r} is no type of layer: choose one of {', '.join(LAYER_TYPES)}")
        self.__args["type"] = LayerType(t)

    def get_outline(self) -> Any:
        """Return the outline that the layer belongs to, or None."""
        return self.__outline

    def set_outline(self, new_outline: Any) -> None:
        """Make the layer and its children belong to an outline; `Outline.add_layer` calls this."""
        self.__outline = new_outline
        for child in self.__children:
            child.set_outline(new_outline)

    def get_parent(self) -> Optional[Layer]:
        """Return the layer whose frames execute this one too, or None."""
        return self.__parent

    def set_parent(self, layer: Layer) -> None:
        """Make this the child of a layer; call `add_child` of that layer instead."""
        if not isinstance(layer, Layer):
            raise LayerException(f"the parent of layer {self.get_name()} has to be a layer, not {layer!r}")
        self.__parent = layer

    def add_child(self, layer: Layer) -> None:
        """Have a layer executed after this one in each frame; it is no longer a layer of the job by itself."""
        if not isinstance(layer, Layer):
            raise LayerException(f"a child of layer {self.get_name()} has to be a layer, not {layer!r}")
        layer.set_parent(self)
        self.__children.append(layer)
        if self.__outline is not None:
            layer.set_outline(self.__outline)
        layer.after_parented(self)

    def get_children(self) -> List[Layer]:
        """Return the children in the order of their execution."""
        return list(self.__children)

    # Arguments and environment

    def get_default_args(self, merge: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:
        """Return the arguments that every layer has, with the configured ones and then `merge` laid over them."""
        args: Dict[str, Any] = {"register": True, "chunk": 1, "range": None}
        section = type(self).__name__
        if config.has_section(section):
            for key, value in config.items(section):
                if key not in config.defaults():
                    args[key] = int(value) if value.lstrip("-").isdigit() else value
        args.update(merge or {})
        return args

    def get_arg(self, key: str, default: Any = None) -> Any:
        """Return an argument, or the default where it is not set."""
        return self.__args.get(key, default)

    def set_arg(self, key: str, value: Any) -> None:
        """Set an argument.

        Raises:
            LayerException: it is a required one of another type.
        """
        self.__check_arg_type(key, value)
        self.__args[key] = value

    def set_default_arg(self, key: str, value: Any) -> None:
        """Set an argument unless it is set."""
        if self.__args.get(key) is None:
            self.set_arg(key, value)

    def is_arg_set(self, key: str) -> bool:
        """Say whether an argument was given, be it None."""
        return key in self.__args

    def get_args(self) -> Dict[str, Any]:
        """Return all arguments."""
        return self.__args

    def copy_args_from(self, layer: Layer, *names: str) -> None:
        """Take over the named arguments of another layer, as far as it has them; all of them if none is named."""
        for name in names or tuple(layer.get_args()):
            if layer.is_arg_set(name):
                self.set_arg(name, layer.get_arg(name))

    def require_arg(self, key: str, rtype: Any = None) -> None:
        """Have setup fail unless this argument is set, and is of this type or of one of these types."""
        self.__required_args[key] = tuple(rtype) if isinstance(rtype, list) else rtype

    def check_required_args(self) -> None:
        """Raise a LayerException if a required argument is missing or of another type."""
        for key in self.__required_args:
            if self.__args.get(key) is None:
                raise LayerException(f"layer {self.get_name()} needs the argument {key!r}")
            self.__check_arg_type(key, self.__args[key])

    def __check_arg_type(self, key: str, value: Any) -> None:
        rtype = self.__required_args.get(key)
        if rtype is not None and value is not None and not isinstance(value, rtype):
            names = " or ".join(t.__name__ for t in (rtype if isinstance(rtype, tuple) else (rtype,)))
            raise LayerException(f"the argument {key!r} of layer {self.get_name()} has to be {names}, not {value!r}")

    def set_env(self, key: str, value: str) -> None:
        """Set an environment variable of the layer's frames."""
        self.__env[str(key)] = str(value)

    def get_env(self, key: str, default: Optional[str] = None) -> Optional[str]:
        """Return an environment variable of the layer's frames."""
        return self.__env.get(key, default)

    def get_envs(self) -> Dict[str, str]:
        """Return all environment variables of the layer's frames."""
        return self.__env

    # Frames

    def set_frame_range(self, frame_range: Any) -> None:
        """Set the layer's own range: a text, a list of numbers or a frame set."""
        self.set_arg("range", range_text(frame_range))

    def get_frame_range(self) -> Optional[str]:
        """Return the frames that the layer has in its outline.

        Those are the frames of the outline's range that are in the layer's own range too, in the order of the
        outline's; with one range only, that one; with none `1000-1000`; and None where the two have no frame in
        common, in which case the layer is left out of the job.
        """
        own = self.get_arg("range")
        own = range_text(own) if own is not None else None
        outline_range = self.__outline.get_frame_range() if self.__outline is not None else None
        if own and outline_range:
            if own == outline_range:
                return own
            common = util.intersect_frame_set(outline_range, own, normalize=False)
            return util.compact_frame_range(common) if common else None
        return own or outline_range or NO_RANGE

    def get_frame_set(self) -> Optional[FrameSet]:
        """Return the frames of `get_frame_range` as a frame set, or None."""
        frame_range = self.get_frame_range()
        return FrameSet(frame_range) if frame_range else None

    def get_local_frame_set(self, start_frame: int) -> FrameSet:
        """Return the frames that the frame with this number executes: as many as the chunk size says."""
        chunk = self.get_chunk_size()
        if chunk <= 1:
            return FrameSet(str(start_frame))
        frames = util.disaggregate_frame_set(self.get_frame_set() or ())
        if start_frame not in frames:
            raise LayerException(f"layer {self.get_name()} has no frame {start_frame}: it has {self.get_frame_range()}")
        first = frames.index(start_frame)
        return util.make_frame_set(frames[first : first + chunk], normalize=False)

    # Depends

    def depend_on(
        self,
        on_layer: Union[Layer, str],
        depend_type: Any = None,
        propigate: bool = False,
        any_frame: bool = False,
        on_failure: bool = False,
    ) -> None:
        """Have frames of this layer wait for frames of another, given as the layer or by its name.

        A second call for the same layer with another type replaces the first. With no type, frames wait frame by
        frame, and a layer of one frame waits for all of a layer of several. With `on_failure`, frames of the other
        layer that failed for good count as done.
        """
        waiting.depend_on(self, on_layer, depend_type, propigate, any_frame, on_failure)

    def depend_all(self, on_layer: Union[Layer, str], propigate: bool = False, any_frame: bool = False) -> None:
        """Have every frame of this layer wait for all frames of another."""
        self.depend_on(on_layer, "LAYER_ON_LAYER", propigate, any_frame)

    def depend_previous(self, on_layer: Union[Layer, str]) -> None:
        """Have each frame wait for the previous frame of a layer, which may be this one."""
        self.depend_on(on_layer, "PREVIOUS_FRAME")

    def depend_on_job(self, job: str, layer: Optional[str] = None, full_name: Optional[bool] = None) -> None:
        """Have the layer wait for another job, or for one layer of it; see `Outline.depend_on_job`."""
        self.__job_depends.append(waiting.JobDepend(job, layer, full_name))

    def get_job_depends(self) -> List[waiting.JobDepend]:
        """Return the live list of other jobs that the layer waits for."""
        return self.__job_depends

    def undepend(self, depend: Depend) -> None:
        """Remove one of the layer's depends."""
        self.__depends.remove(depend)
        depend.get_depend_on_layer().get_dependents().remove(depend)

    def get_depends(self) -> List[Depend]:
        """Return the live list of what the layer waits for."""
        return self.__depends

    def get_dependents(self) -> List[Depend]:
        """Return the live list of the depends of other layers on this one."""
        return self.__dependents

    # Life

    def setup_args_override(self) -> None:
        """Lay the arguments that the session holds under `args_override` over those of the layer."""
        if os.path.exists(self.get_file("args_override", check=False)):
            self.__args.update(self.get_data("args_override"))

    def add_event_listener(self, event_type: str, callback: event.Listener) -> None:
        """Call `callback(event)` when an event of this type happens to the layer."""
        self.__events.add_event_listener(event_type, callback)

    def get_event_handler(self) -> event.EventHandler:
        """Return what keeps the layer's listeners."""
        return self.__events

    def after_init(self, ol: Any) -> None:
        """Tell the layer that it is part of an outline now."""
        self._after_init(ol)
        self.__events.emit(event.LayerEvent(event.AFTER_INIT, self))

    def after_parented(self, parent: Layer) -> None:
        """Tell the layer that it is a child now."""
        execution.call_parented_hooks(self, parent)
        self.__events.emit(event.LayerEvent(event.AFTER_PARENTED, self))

    def setup(self) -> None:
        """Prepare the layer and its children for launch."""
        self.check_required_args()
        self.get_path()  # makes the folder now: frames may run as a user who may not
        self._setup()
        for child in self.__children:
            child.setup()
        self.__events.emit(event.LayerEvent(event.SETUP, self))

    def execute(self, frame: int) -> None:
        """Execute one frame of the job, which may be several frames of the layer."""
        execution.execute(self, int(frame))

    def before_execute(self) -> None:
        """Tell the layer that execution is about to begin."""
        execution.call_hook(self, "_before_execute", "_pre_execute")
        self.__events.emit(event.LayerEvent(event.BEFORE_EXECUTE, self))

    def after_execute(self, frames: Optional[FrameSet] = None) -> None:
        """Tell the layer that execution ended, well or not: `get_failure` says which."""
        execution.call_hook(self, "_after_execute", "_post_execute")
        self.__events.emit(event.LayerEvent(event.AFTER_EXECUTE, self, frames=frames))

    def get_failure(self) -> Optional[BaseException]:
        """Return what `_execute` raised in this frame, or None; meant for `_after_execute`."""
        return self.__failure

    def set_failure(self, failure: Optional[BaseException]) -> None:
        """Note what `_execute` raised."""
        self.__failure = failure

    def _after_init(self, ol: Any) -> None:
        """Hook: the layer has become part of an outline."""

    def _after_parented(self, parent: Layer) -> None:
        """Hook: the layer has become the child of another."""

    def _setup(self) -> None:
        """Hook: the outline is about to be launched; the session is there."""

    def _before_execute(self) -> None:
        """Hook: on the farm, right before `_execute`; the place for objects that cannot be stored."""

    def _execute(self, frames: FrameSet) -> None:
        """Hook: run these frames."""

    def _after_execute(self) -> None:
        """Hook: on the farm, after `_execute`, even if that failed."""

    # Storing and loading

    def _store(self) -> Dict[str, Any]:
        """Return what a process on the farm needs to have this layer again."""
        return {
            "name": self.__name,
            "args": self.__args,
            "required_args": sorted(self.__required_args),
            "env": self.__env,
            "parent": self.__parent,
            "children": self.__children,
            "depends": [
                {
                    "on": depend.get_depend_on_layer(),
                    "type": depend.get_given_type(),
                    "propagate": depend.is_propagated(),
                    "any_frame": depend.is_any_frame(),
                    "on_failure": depend.is_on_failure(),
                }
                for depend in self.__depends
            ],
            "files": self._store_files(),
            "own": {key: value for key, value in self.__dict__.items() if not key.startswith(_PRIVATE)},
        }

    def _restore(self, fields: Mapping[str, Any], outline: Any) -> None:
        """Become the layer that was stored, without its constructor being called."""
        self.__begin()
        self.__name = fields["name"]
        self.__outline = outline
        self.__args = dict(fields["args"])
        self.__args["type"] = LayerType(self.__args["type"])
        self.__required_args = dict.fromkeys(fields["required_args"])
        self.__env = dict(fields["env"])
        self.__parent = fields["parent"]
        self.__children = list(fields["children"])
        self.__dict__.update(fields["own"])
        self._restore_files(fields["files"])

    def _restore_depends(self, fields: Mapping[str, Any]) -> None:
        """Wait for other layers again, once all of them are restored."""
        for stored in fields["depends"]:
            depend = Depend(
                self, stored["on"], stored["type"], stored["propagate"], stored["any_frame"], stored["on_failure"]
            )
            self.__depends.append(depend)
            stored["on"].get_dependents().append(depend)

    system = staticmethod(io.system)

    @staticmethod
    def get_temp_dir() -> str:
        """Return a folder for files that only this frame needs."""
        import tempfile

        return tempfile.gettempdir()

    def __str__(self) -> str:
        return self.get_name()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.get_name()}>"


def range_text(frame_range: Any) -> str:
    """Return a frame range as text, be it a text, a frame set, one number or any list or set of numbers."""
    if isinstance(frame_range, (str, int)):
        return str(frame_range)
    if isinstance(frame_range, (set, frozenset)):
        frame_range = sorted(frame_range)
    return util.compact_frame_range(int(frame) for frame in frame_range)
