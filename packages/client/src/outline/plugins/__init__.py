"""Plugins: modules named in the configuration that take part in every outline and launch."""

from __future__ import annotations

from outline.plugins.manager import PluginManager

__all__ = ["PluginManager"]
