"""The cuefarm server: a pure core, an engine that owns it, and adapters around it (ARCHITECTURE.md)."""

__version__ = "0.1.0"
