"""The OpenCue gRPC interface; the only importer of opencue_proto in the server."""
