"""The cuefarm server: a pure core (domain, decide, scheduling, spec), an engine that owns it, and adapters around it."""

__version__ = "0.1.0"
