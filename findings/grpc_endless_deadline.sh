#!/usr/bin/env bash
# A gRPC server in threads says that a call without a deadline has 9.2e18 seconds left.
#
# grpcio 1.85.1, Python 3.11 (1.62.3 and 1.76.0 behave the same).
#
# The docstring of time_remaining promises None where no deadline was given, and so do the asyncio
# server and both kinds of client. The server in threads gives 2^63 nanoseconds after 1970, in wrong
# units: a number that no timeout in milliseconds of 64 bits can hold. A call with a deadline may
# have a little more than its timeout left.
#
# Guess before the first run: None, as the docstring says.
#
# Cure: treat more than a century as no deadline. This product does so in serving/engine/servable.py.
#
# Seen, in seconds:
#   threads   without a deadline 9.223372035058708e+18, with one of 5 seconds 5.01
#   asyncio   without a deadline None, with one of 5 seconds 5.01
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet grpcio==1.85.1
cd "$folder"
cat > remaining.py <<'PYTHON'
import asyncio
from concurrent import futures

import grpc


def handlers(function):
    method = grpc.unary_unary_rpc_method_handler(function)
    return (grpc.method_handlers_generic_handler("images", {"Translate": method}),)


def of_threads():
    left = []

    def answer(request, context):
        left.append(context.time_remaining())
        return b""

    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(handlers(answer))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/images/Translate")
        call(b"")
        call(b"", timeout=5)
    server.stop(None)
    return left


async def of_asyncio():
    left = []

    async def answer(request, context):
        left.append(context.time_remaining())
        return b""

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(handlers(answer))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/images/Translate")
        await call(b"")
        await call(b"", timeout=5)
    await server.stop(None)
    return left


threads, others = of_threads(), asyncio.run(of_asyncio())
print("threads", *threads)
print("asyncio", *others)
assert threads[0] > 1e18 and others[0] is None
assert all(4 < left[1] < 5.5 for left in (threads, others))
assert "None if no deadline" in grpc.RpcContext.time_remaining.__doc__
PYTHON
"$folder/venv/bin/python" -I remaining.py 2> /dev/null
