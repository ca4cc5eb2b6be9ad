"""The wire's messages under the name that older scripts import: `from opencue.compiled_proto import job_pb2`.

Each sub-module is the very module of `opencue_proto`, not a copy, so messages and enums from either are the same.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import opencue_proto

__all__ = sorted(module.name for module in pkgutil.iter_modules(opencue_proto.__path__))

for _name in __all__:
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = importlib.import_module(f"opencue_proto.{_name}")
