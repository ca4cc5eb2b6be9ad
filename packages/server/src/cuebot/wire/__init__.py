"""gRPC in and out: the only importer of the published messages in the server.

`server.serve` offers the farm to clients and agents, `agents.GrpcAgents` tells agents what to run. `rpc/` has a module
for each service, `messages/` one for each noun that is sent, and `not_offered` every RPC that is refused and why.
"""
