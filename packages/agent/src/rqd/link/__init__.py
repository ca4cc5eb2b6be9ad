"""The link: speaks gRPC with the server, and holds nothing that the runner could not tell it again.

`process` puts it together, `servicer` answers the server, `reporting` and `outbox` talk to it.
"""
