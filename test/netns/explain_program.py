#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""explain_program - Sockets for explain_test: one of each kind, until stdin ends

The name of each and its descriptor go to standard output, as JSON.
"""
import json
import os
import socket
import subprocess
import sys

STACK, KERNEL, NOBODY = "10.111.0.2", "10.111.0.1", "10.111.0.99"
TCP_MD5SIG, IPPROTO_MPTCP = 14, 262
socks = {}


def stream(family=socket.AF_INET):
    return socket.socket(family, socket.SOCK_STREAM)


def connect(name, address, port):
    """To where the kernel refuses or not: it has been decided then."""
    s = socks[name] = stream(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(5)
    try:
        s.connect((address, port))
    except OSError:
        pass
    return s


def listen(name, address):
    s = socks[name] = stream(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.bind((address, 0))
    s.listen()
    return s.getsockname()[1]


port = int(sys.argv[1])             # somebody listens there, in the kernel
connect("connected", KERNEL, port)
connect("loopback", "127.0.0.1", port)
connect("loopback6", "::1", port)
connect("this host", "0.0.0.0", port)
connect("unreachable", "192.0.2.1", 9)
connect("own", STACK, 9)
listen("listens there", STACK)
both = listen("listens", "0.0.0.0")
listen("listens loopback", "127.0.0.1")
listen("listens elsewhere", sys.argv[2])
socks["undecided"] = stream()
socks["udp"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
socks["udp6 bound"] = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
socks["udp6 bound"].bind(("::1", 0))
socks["unix"] = socket.socket(socket.AF_UNIX)
socks["device"] = stream()
try:
    socks["device"].setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    socks["raw"] = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
except PermissionError:
    del socks["device"]
try:
    socks["mptcp"] = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
except OSError:
    pass
# Another process comes to the listener by the kernel, which we accept.
other = subprocess.Popen([sys.executable, "-c",
                          f"import socket, sys; s = socket.create_connection("
                          f"('127.0.0.1', {both})); sys.stdin.read()"],
                         env={**os.environ, "LD_PRELOAD": ""}, stdin=subprocess.PIPE)
socks["accepted"], _ = socks["listens"].accept()
copies = {"copy": os.dup(socks["loopback"].fileno())}
# A number that is given again does not keep what it was.
connect("reused", "127.0.0.1", port).close()
del socks["reused"]
socks["given again"] = stream()
print(json.dumps({**{k: s.fileno() for k, s in socks.items()}, **copies}), flush=True)
sys.stdin.read()
other.stdin.close()
other.wait()
