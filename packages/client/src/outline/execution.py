"""What happens when a frame executes on the farm, in order."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outline.layer_base import Layer

logger = logging.getLogger(__name__)

STORED_OUTPUTS = "ol_outputs"
"""The key under which a preprocess layer leaves its outputs in the session of the layer it prepares."""


def execute(layer: Layer, frame: int) -> None:
    """Execute one frame of a layer and of its children.

    `_after_execute` runs even if `_execute` fails; the failure then goes on to the caller.
    """
    layer.setup_args_override()
    frames = layer.get_local_frame_set(frame)
    os.environ["OL_BASE_SESSION_PATH"] = layer.get_session().get_path()
    os.environ["OL_LAYER_SESSION_PATH"] = layer.get_path()
    os.environ["OL_LAYER_RANGE"] = ",".join(map(str, frames))
    sys.path[0:0] = [str(path) for path in layer.get_arg("python_path") or []]
    layer.load_outputs()
    layer.before_execute()
    for path in layer.get_outputs().values():
        if path.get_attribute("mkdir"):
            path.mkdir()
    layer.check_required_args()
    layer.check_input(frames)
    outline = layer.get_outline()
    os.environ.update({key: value for key, (value, pre) in outline.get_env().items() if not pre})
    os.environ.update(layer.get_envs())
    try:
        layer._execute(frames)
        for child in layer.get_children():
            child.execute(frame)
    except (Exception, SystemExit) as failure:
        layer.set_failure(failure)
        try:
            layer.after_execute(frames)
        except Exception:  # the first failure is the one to report
            logger.exception("_after_execute of layer %s failed as well", layer.get_name())
        raise
    layer.after_execute(frames)
    layer.check_output(frames)


def call_hook(layer: Layer, name: str, old_name: str) -> None:
    """Call a hook, and the one of its older name where a subclass defines it."""
    getattr(layer, name)()
    old_hook = getattr(layer, old_name, None)
    if old_hook is not None:
        old_hook()


def call_parented_hooks(layer: Layer, parent: Layer) -> None:
    """Call `_after_parented`, and `_parented` where a subclass defines it, with or without the parent."""
    for hook in (layer._after_parented, getattr(layer, "_parented", None)):
        if hook is not None:
            _call_with_as_many(hook, parent)


def _call_with_as_many(hook: Any, parent: Layer) -> None:
    import inspect  # slow to import, and never needed in a frame

    takes_parent = bool(inspect.signature(hook).parameters)
    hook(*([parent] if takes_parent else []))
