"""The render host agent."""
