"""What the farm is asked: which things, in which order, and what each looks like to whoever asks. Pure.

One module a noun. Each has a *row*, plain values with units in their names; a function that makes it; and what chooses
among the things: criteria, or the words of a query (`language`). gRPC, HTTP, commands and pages answer from these
alike, and only turn rows into what they send.
"""
