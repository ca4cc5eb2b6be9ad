"""Job specifications in and out; pure."""

from cuebot.spec.model import DependSpec, JobSpec, LayerSpec, Spec, SpecError
from cuebot.spec.reader import parse_spec

__all__ = ["DependSpec", "JobSpec", "LayerSpec", "Spec", "SpecError", "parse_spec"]
