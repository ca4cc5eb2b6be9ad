"""Why frames wait, what would help, and when they may start: as the plan sees it, without planning."""
