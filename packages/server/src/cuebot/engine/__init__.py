"""The single owner of the farm: mailbox, commit, publish, effects."""
