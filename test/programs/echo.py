# SPDX-License-Identifier: BSD-2-Clause
"""echo.py - asyncio on both sides: what is sent comes back

	echo.py serve ADDRESS PORT
	echo.py ask ADDRESS PORT CONNECTIONS
"""
import asyncio
import hashlib
import sys

MESSAGES = 20
BIG = 3_000_000


async def answer(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    finally:
        writer.close()


async def serve(address, port):
    server = await asyncio.start_server(answer, address, port, backlog=128)
    async with server:
        await server.serve_forever()


async def converse(address, port, number):
    """Short messages in turn, then much at once with a half-close."""
    reader, writer = await asyncio.open_connection(address, port)
    for n in range(MESSAGES):
        message = f"{number} {n}\n".encode() * (n + 1)
        writer.write(message)
        if await reader.readexactly(len(message)) != message:
            return "another answer"
    sent = hashlib.sha256(str(number).encode()).digest() * (BIG // 32 // 50)

    async def write():
        writer.write(sent)
        await writer.drain()
        writer.write_eof()

    task = asyncio.create_task(write())
    got = await reader.read()
    await task
    writer.close()
    return "as it was sent" if got == sent else f"{len(got)} bytes, or others"


async def ask(address, port, connections):
    answers = await asyncio.gather(*[converse(address, port, n)
                                     for n in range(connections)])
    for text in sorted(set(answers)):
        print(f"{answers.count(text)} connections: {text}")


def main():
    what, address, port = sys.argv[1:4]
    if what == "serve":
        asyncio.run(serve(address, int(port)))
    else:
        asyncio.run(ask(address, int(port), int(sys.argv[4])))


main()
