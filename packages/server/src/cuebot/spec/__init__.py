"""Job specifications in and out; pure."""

from .model import DependSpec, JobSpec, LayerSpec, Spec, SpecError
from .reader import parse_spec

__all__ = ["DependSpec", "JobSpec", "LayerSpec", "Spec", "SpecError", "parse_spec"]
