# SPDX-License-Identifier: BSD-2-Clause
"""web.py - A web server for files, which answers an upload with its SHA-256

	web.py ADDRESS PORT DIRECTORY
"""
import functools
import hashlib
import http.server
import socket
import sys


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        while left:
            data = self.rfile.read(min(left, 65536))
            if not data:
                raise ConnectionError("the upload is cut short")
            digest.update(data)
            left -= len(data)
        answer = f"{digest.hexdigest()}\n".encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def main():
    address, port, directory = sys.argv[1:]
    if ":" in address:
        Server.address_family = socket.AF_INET6
    handler = functools.partial(Handler, directory=directory)
    Server((address, int(port)), handler).serve_forever()


main()
