"""The runner: the parent of every frame. Standard library only, one thread, small enough to trust.

`agent` is the process, `runs` what happens to a run, the rest one subject each. Nothing here may import grpc, protobuf
or psutil.
"""
