"""One module a revision, never changed once a release has it."""
