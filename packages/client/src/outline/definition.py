"""An outline: the layers of one job, and what is true of the job as a whole."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from outline import constants, util
from outline import current as current_outline
from outline.depend import parse_require_str
from outline.exception import OutlineException, SessionException
from outline.layer_base import Layer, range_text
from outline.names import check_job_name
from outline.session import Session, is_session_path
from outline.waiting import JobDepend, check_cycles


class _OutlineMeta(type):
    @property
    def current(cls) -> Optional[Outline]:
        """The outline that new layers add themselves to."""
        return current_outline.get()

    @current.setter
    def current(cls, outline: Optional[Outline]) -> None:
        current_outline.put(outline)

    @current.deleter
    def current(cls) -> None:
        current_outline.put(None)


class Outline(metaclass=_OutlineMeta):
    """The layers of a job, built by a script, then set up, stored in a session and launched.

    With `current=True` new layers add themselves to it. `path` is an outline script, which is run at once. With
    `name_unique` the name gets seven hexadecimal digits. `maxcores` and `maxgpus` bound what the whole job may use.
    """

    def __init__(
        self,
        name: Optional[str] = None,
        frame_range: Any = None,
        path: Optional[str] = None,
        serialize: bool = True,
        name_unique: bool = False,
        current: bool = False,
        shot: Optional[str] = None,
        show: Optional[str] = None,
        user: Optional[str] = None,
        facility: Optional[str] = None,
        maxcores: Optional[int] = None,
        maxgpus: Optional[int] = None,
    ) -> None:
        if name is None:
            name = os.path.splitext(os.path.basename(path))[0] if path else "outline"
        self.__name = f"{name}_{os.urandom(4).hex()[:7]}" if name_unique else name
        self.__frame_range = range_text(frame_range) if frame_range is not None else None
        self.__path = path
        self.__serialize = serialize
        self.__shot = shot
        self.__show = show
        self.__user = user
        self.__facility = facility
        self.__maxcores = maxcores
        self.__maxgpus = maxgpus
        self.__priority: Optional[int] = None
        self.__time_limit = 0
        self.__begin()
        if current or path:
            Outline.current = self
        if path:
            self.parse_outline_script(path)

    def __begin(self) -> None:
        self.__mode = constants.OUTLINE_MODE_INIT
        self.__layers: List[Layer] = []
        self.__session: Optional[Session] = None
        self.__env: Dict[str, Tuple[str, bool]] = {}
        self.__args: Dict[str, Any] = {}
        self.__job_depends: List[JobDepend] = []

    # Life

    def parse_outline_script(self, path: str) -> None:
        """Run an outline script whose layers become layers of this outline."""
        from outline.scripts import run_script

        Outline.current = self
        run_script(path)

    def load_session(self) -> None:
        """Attach the session that the outline's file lies in.

        Raises:
            SessionException: the file lies in none.
        """
        if not self.__path or not is_session_path(self.__path):
            raise SessionException(f"the outline {self.__name} lies in no session: {self.__path}")
        self.__session = Session(self)

    def setup_depends(self) -> None:
        """Have layers wait for what their argument `require` names: layers, or texts such as `name` or `name:all`."""
        for layer in self.__layers:
            required = layer.get_arg("require") or []
            for entry in required if isinstance(required, (list, tuple, set)) else [required]:
                if isinstance(entry, str) and ":" in entry:
                    layer.depend_on(*parse_require_str(entry))
                else:
                    layer.depend_on(entry)

    def setup(self) -> None:
        """Set every layer up, store the outline in a new session and make it ready to launch.

        Raises:
            OutlineException: it was set up before, layers wait for each other in a circle, or a layer refuses.
        """
        from outline.scripts import end_if_rereading

        end_if_rereading()
        if self.__mode >= constants.OUTLINE_MODE_SETUP:
            raise OutlineException(f"the outline {self.__name} is set up already")
        check_job_name(self)
        self.setup_depends()
        check_cycles(self.__layers)
        self.__mode = constants.OUTLINE_MODE_SETUP
        self.__session = Session(self)
        for layer in self.get_layers():
            if layer.get_frame_range():
                layer.setup()
        Outline.current = None
        self.__store()
        self.__mode = constants.OUTLINE_MODE_READY
        self.__session.save()

    def __store(self) -> None:
        folder = self.get_session().get_path()
        if self.__serialize:
            from outline.serialize import store

            self.__path = store(self, folder, Outline)
        elif self.__path:
            import shutil

            self.__path = shutil.copyfile(self.__path, os.path.join(folder, "script.outline"))
        else:
            raise OutlineException(f"the outline {self.__name} has no script, so serialize=False cannot store it")

    # Layers

    def add_layer(self, layer: Layer) -> None:
        """Add a layer; one that is in the outline already, or has `register=False`, is left alone.

        Raises:
            OutlineException: another layer has its name.
        """
        if not layer.get_arg("register") or any(layer is other for other in self.__layers):
            return
        if self.is_layer(layer.get_name()):
            raise OutlineException(f"the outline {self.__name} has a layer named {layer.get_name()!r} already")
        self.__layers.append(layer)
        layer.set_outline(self)
        layer.after_init(self)
        for child in layer.get_children():
            child.after_init(self)
        if self.__mode == constants.OUTLINE_MODE_SETUP:
            layer.setup()

    def remove_layer(self, layer: Layer) -> None:
        """Take a layer out, which is possible until the outline is set up."""
        if self.__mode != constants.OUTLINE_MODE_INIT:
            raise OutlineException(f"layer {layer.get_name()} can no longer be removed: the outline is set up")
        self.__layers.remove(layer)
        layer.set_outline(None)

    def get_layer(self, name: str) -> Layer:
        """Return the layer of this name.

        Raises:
            OutlineException: there is none.
        """
        for layer in self.__layers:
            if layer.get_name() == name:
                return layer
        raise OutlineException(f"the outline {self.__name} has no layer named {name!r}")

    def get_layers(self) -> List[Layer]:
        """Return a list of the layers."""
        return list(self.__layers)

    def is_layer(self, name: str) -> bool:
        """Say whether there is a layer of this name."""
        return any(layer.get_name() == name for layer in self.__layers)

    # The job as a whole

    def get_path(self) -> Optional[str]:
        """Return the script, or once set up the stored outline."""
        return self.__path

    def set_path(self, path: str) -> None:
        """Set the file that the outline comes from."""
        self.__path = path

    def get_name(self) -> str:
        """Return the name of the outline; the server makes `show-shot-user_name` of it."""
        return self.__name

    def set_name(self, name: str) -> None:
        """Rename the outline."""
        self.__name = name

    def get_full_name(self) -> str:
        """Return `show-shot-user_name`, or the name under which the session was made."""
        if self.__session is not None:
            return self.__session.get_name().split("/")[0]
        return f"{self.get_show()}-{self.get_shot()}-{self.get_user()}_{self.__name}"

    def get_shot(self) -> str:
        """Return the shot: the one that was given, or that of this shell."""
        return self.__shot or util.get_shot()

    def set_shot(self, shot: str) -> None:
        """Set the shot."""
        self.__shot = shot

    def get_show(self) -> str:
        """Return the show: the one that was given, or that of this shell."""
        return self.__show or util.get_show()

    def set_show(self, show: str) -> None:
        """Set the show."""
        self.__show = show

    def get_user(self) -> str:
        """Return the user: the one that was given, or the current one."""
        return self.__user or util.get_user()

    def set_user(self, user: str) -> None:
        """Set the user."""
        self.__user = user

    def get_facility(self) -> Optional[str]:
        """Return the facility that was given, or None."""
        return self.__facility

    def set_facility(self, facility: str) -> None:
        """Set the facility to render in."""
        self.__facility = facility

    def get_maxcores(self) -> Optional[int]:
        """Return how many cores the job may use at once, or None."""
        return self.__maxcores

    def set_maxcores(self, maxcores: int) -> None:
        """Set how many cores the job may use at once."""
        self.__maxcores = int(maxcores)

    def get_maxgpus(self) -> Optional[int]:
        """Return how many GPUs the job may use at once, or None."""
        return self.__maxgpus

    def set_maxgpus(self, maxgpus: int) -> None:
        """Set how many GPUs the job may use at once."""
        self.__maxgpus = int(maxgpus)

    def get_time_limit(self) -> int:
        """Return how many minutes the job may go on since its first frame started; 0 is for ever."""
        return self.__time_limit

    def set_time_limit(self, minutes: int) -> None:
        """Set how many minutes the job may go on since its first frame started, 0 for ever; then it is killed.

        OpenCue's servers know no such limit: with `spec_additions = 0` it is left out with a warning.
        """
        if isinstance(minutes, bool) or not isinstance(minutes, int) or minutes < 0:
            raise OutlineException(f"a time limit is a whole number of minutes, 0 or more, not {minutes!r}")
        self.__time_limit = minutes

    def get_priority(self) -> Optional[int]:
        """Return the priority that was set, or None; a job without one gets 1."""
        return self.__priority

    def set_priority(self, priority: int) -> None:
        """Set the priority, 0 or more; a priority given at launch wins over it."""
        if isinstance(priority, bool) or not isinstance(priority, int) or priority < 0:
            raise OutlineException(
                f"the priority of an outline has to be a whole number of 0 or more, not {priority!r}"
            )
        self.__priority = priority

    def depend_on_job(self, job: str, full_name: Optional[bool] = None) -> None:
        """Have the whole job wait until another one is finished.

        `job` is the full name of a job, or the name of an outline that was launched with the same show, shot and
        user. Which of the two it is shows by its form, `show-shot-user_name`, unless `full_name` says.
        """
        self.__job_depends.append(JobDepend(job, None, full_name))

    def get_job_depends(self) -> List[JobDepend]:
        """Return the live list of the jobs that this one waits for."""
        return self.__job_depends

    def get_mode(self) -> int:
        """Return how far the outline is on its way: one of `outline.constants.OUTLINE_MODE_*`."""
        return self.__mode

    def set_mode(self, mode: int) -> None:
        """Go on to a later mode.

        Raises:
            OutlineException: the mode is an earlier one.
        """
        if mode < self.__mode:
            raise OutlineException(f"the outline {self.__name} cannot go back from mode {self.__mode} to {mode}")
        self.__mode = mode

    def get_session(self) -> Session:
        """Return the session.

        Raises:
            SessionException: the outline is not set up yet, so it has none.
        """
        if self.__session is None:
            raise SessionException(f"the outline {self.__name} has no session yet: it is made by setup()")
        return self.__session

    def get_frame_range(self) -> Optional[str]:
        """Return the frame range that layers without one of their own get, or None."""
        return self.__frame_range

    def set_frame_range(self, frame_range: Any) -> None:
        """Set the frame range: a text, a list of numbers or a frame set."""
        self.__frame_range = range_text(frame_range) if frame_range is not None else None

    def set_env(self, key: str, value: str, pre: bool = False) -> None:
        """Set an environment variable of all frames.

        It is there when `_execute` begins; with `pre` it is part of the job, and there when the frame's process starts.
        """
        if not isinstance(key, str) or not isinstance(value, str):
            raise OutlineException(f"an environment variable and its value have to be text, not {key!r} and {value!r}")
        self.__env[key] = (value, pre)

    def get_env(self, key: Optional[str] = None) -> Union[str, Dict[str, Tuple[str, bool]], None]:
        """Return the value of an environment variable, or a dict of all of them with (value, pre)."""
        if key is None:
            return self.__env
        return self.__env[key][0] if key in self.__env else None

    def get_args(self) -> Dict[str, Any]:
        """Return what modules noted on the outline."""
        return self.__args

    def get_arg(self, key: str, default: Any = None) -> Any:
        """Return what a module noted under a key."""
        return self.__args.get(key, default)

    def set_arg(self, key: str, value: Any) -> None:
        """Note something on the outline, for other modules."""
        self.__args[key] = value

    # The session

    def put_file(self, src: str, rename: Optional[str] = None) -> str:
        """Copy a file into the session, and return its new path."""
        return self.get_session().put_file(src, rename=rename)

    def get_file(self, name: str, check: bool = True, new: bool = False) -> str:
        """Return the path of a file in the session."""
        return self.get_session().get_file(name, check=check, new=new)

    def put_data(self, key: str, value: Any, force: bool = False) -> None:
        """Store a value for all frames."""
        self.get_session().put_data(key, value, force=force)

    def get_data(self, key: str) -> Any:
        """Return a stored value."""
        return self.get_session().get_data(key)

    # Storing and loading

    def _store(self) -> Dict[str, Any]:
        return {
            "name": self.__name,
            "frame_range": self.__frame_range,
            "show": self.get_show(),
            "shot": self.get_shot(),
            "user": self.get_user(),
            "facility": self.__facility,
            "maxcores": self.__maxcores,
            "maxgpus": self.__maxgpus,
            "priority": self.__priority,
            "time_limit": self.__time_limit,
            "env": {key: list(value) for key, value in self.__env.items()},
            "args": self.__args,
            "layers": self.__layers,
        }

    def _restore(self, fields: Mapping[str, Any]) -> None:
        self.__begin()
        self.__name = fields["name"]
        self.__frame_range = fields["frame_range"]
        self.__path = None
        self.__serialize = True
        self.__show = fields["show"]
        self.__shot = fields["shot"]
        self.__user = fields["user"]
        self.__facility = fields["facility"]
        self.__maxcores = fields["maxcores"]
        self.__maxgpus = fields["maxgpus"]
        self.__priority = fields["priority"]
        self.__time_limit = fields.get("time_limit", 0)  # sessions of before have none
        self.__env = {key: (value, pre) for key, (value, pre) in fields["env"].items()}
        self.__args = dict(fields["args"])
        self.__layers = list(fields["layers"])
        self.__mode = constants.OUTLINE_MODE_READY
