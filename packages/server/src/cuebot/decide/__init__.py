"""Commands in, events out; pure."""
