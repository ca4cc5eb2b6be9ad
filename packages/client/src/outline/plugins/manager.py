"""Loads plugins from sections `plugin:<name>` of the configuration.

A section has `module`, `enable` (1 or 0) and `priority` (ascending, 0 if missing). The module may define `loaded()`,
`init(layer)`, called for each new layer, and `init_cuerun_plugin(cuerun)`, called by pycuerun before it reads options.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any, Dict, List

from outline.config import config

logger = logging.getLogger(__name__)

_SECTION = "plugin:"


class PluginManager:
    """The plugins of this process."""

    registered_plugins: List[Any] = []
    """The modules, in the order in which they are called."""

    _by_name: Dict[str, Any] = {}

    @classmethod
    def load_all_plugins(cls) -> None:
        """Load the plugins that the configuration enables; one that cannot be imported is reported and left out."""
        enabled = [
            section
            for section in config.sections()
            if section.startswith(_SECTION) and config.getint(section, "enable", fallback=0) != 0
        ]
        for section in sorted(enabled, key=lambda section: config.getint(section, "priority", fallback=0)):
            cls.load_plugin(section[len(_SECTION) :])

    @classmethod
    def load_plugin(cls, module_name: str) -> None:
        """Load one plugin of the configuration by its name."""
        if module_name in cls._by_name:
            return
        try:
            module = importlib.import_module(config.get(_SECTION + module_name, "module"))
        except ImportError as error:
            logger.warning("the plugin %s cannot be loaded: %s", module_name, error)
            return
        cls._by_name[module_name] = module
        cls.registered_plugins.append(module)
        _call(module, "loaded")

    @classmethod
    def init_plugin(cls, module_name: str, layer: Any) -> None:
        """Show a new layer to one plugin."""
        _call(cls._by_name[module_name], "init", layer)

    @classmethod
    def init_layer(cls, layer: Any) -> None:
        """Show a new layer to all plugins."""
        for module in cls.registered_plugins:
            _call(module, "init", layer)

    @classmethod
    def init_cuerun_plugins(cls, cuerun: Any) -> None:
        """Let all plugins add options and listeners to a command that launches outlines."""
        for module in cls.registered_plugins:
            _call(module, "init_cuerun_plugin", cuerun)

    @classmethod
    def get_plugins(cls) -> List[Any]:
        """Return the modules of the loaded plugins."""
        return list(cls.registered_plugins)


def _call(module: Any, function: str, *args: Any) -> None:
    if hasattr(module, function):
        getattr(module, function)(*args)
