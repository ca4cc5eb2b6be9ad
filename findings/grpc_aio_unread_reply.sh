#!/usr/bin/env bash
# grpcio 1.85.1 (PyPI): where a client's deserializer raises, grpc.aio hands the caller None for that message and ends the
# call with OK: from a unary call as its result, from a stream by read() and by iteration, with the messages behind it as if
# nothing had been. The synchronous client of the same package ends the call with INTERNAL. Seen on Python 3.11 with a reply
# that is no JSON for a client whose deserializer is json.loads, as of a server of another version.
# Exits 0 while this is so, 1 when it has changed. Listens on loopback only; ends what it started.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cat >"$work/see.py" <<'PYTHON'
import asyncio
import json
import sys

import grpc

REPLIES = (b"1", b"not JSON", b"3")


async def stream(requests, context):
    for reply in REPLIES:
        yield reply


async def unary(request, context):
    return REPLIES[1]


class Service(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method == "/service/Stream":
            return grpc.stream_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)


def synchronous(address):
    with grpc.insecure_channel(address) as channel:
        try:
            return channel.unary_unary("/service/Unary", response_deserializer=json.loads)(b"", timeout=10)
        except grpc.RpcError as error:
            return error.code().name


async def see():
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Service(),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    seen = {}
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary("/service/Unary", response_deserializer=json.loads)(b"", timeout=10)
        seen["unary"] = (await call, (await call.code()).name)
        call = channel.stream_stream("/service/Stream", response_deserializer=json.loads)(timeout=10)
        await call.done_writing()
        seen["stream"] = ([message async for message in call], (await call.code()).name)
    seen["synchronous unary"] = await asyncio.to_thread(synchronous, address)
    await server.stop(0)
    return seen


seen = asyncio.run(asyncio.wait_for(see(), 30))
for name, what in seen.items():
    print(f"{name}: {what}")
sys.exit(seen != {"unary": (None, "OK"), "stream": ([1, None, 3], "OK"), "synchronous unary": "INTERNAL"})
PYTHON
timeout 120 "$work/venv/bin/python" "$work/see.py"
