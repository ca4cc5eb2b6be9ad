"""Which waiting frame runs on which host; pure."""
