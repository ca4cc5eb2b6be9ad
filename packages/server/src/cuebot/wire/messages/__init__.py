"""Things of the farm as messages, one module a noun. Pure functions of the farm; times in seconds, cores as the wire has them."""
