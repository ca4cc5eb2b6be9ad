"""Job specifications in and out; pure."""

from cuebot.spec.model import DependSpec, JobSpec, LayerSpec, LocalSpec, Spec, SpecError
from cuebot.spec.reader import parse_spec

__all__ = ["DependSpec", "JobSpec", "LayerSpec", "LocalSpec", "Spec", "SpecError", "parse_spec"]
