"""Which waiting frame runs on which host, in one pass over the farm. `plan` is where to begin."""
