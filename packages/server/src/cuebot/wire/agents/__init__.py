"""The side of the wire that talks with agents: their streams and reports, and what is asked of them.

Orders go out by `channel`; `work` and `streams` serve the stream that an agent opens; what it says comes in by
`reports`.
"""
