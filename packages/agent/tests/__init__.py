"""Tests of the host agent, with real processes and a small real server."""
