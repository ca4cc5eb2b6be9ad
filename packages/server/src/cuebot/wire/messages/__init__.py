"""Things of the farm as messages, one module a noun: functions that read the farm and change nothing."""
