"""The composition root and the cuefarm command."""
