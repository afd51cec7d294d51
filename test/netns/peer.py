#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""peer - Traffic whose arrival can be judged, for the network tests

    peer.py server                    TCP and UDP, until it is killed
    peer.py upload HOST BYTES         TCP to the server, sha256 compared
    peer.py download HOST BYTES       and from it
    peer.py udp HOST BYTES [COUNT]    datagrams there and back
    peer.py udp-units HOST BYTES N    the server sends N datagrams as one unit
    peer.py ping HOST [BYTES]         ICMP or ICMPv6 echo

Exits with 0 when all came back as it was sent. Content depends on its position,
so that nothing can be lost, doubled or moved unseen.
"""
import hashlib
import os
import random
import socket
import struct
import sys
import threading

PORT = 5001
TIMEOUT_S = 20
UDP_SEGMENT = 103
SOL_UDP = 17


def content(size):
    return random.Random(size).randbytes(size)


def connect(host, kind=socket.SOCK_STREAM):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    s = socket.socket(family, kind)
    s.settimeout(TIMEOUT_S)
    s.connect((host, PORT))
    return s


def receive_exactly(s, size):
    parts = []
    while size:
        part = s.recv(min(size, 1 << 20))
        if not part:
            raise SystemExit("connection closed early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive_all(s):
    parts = []
    while part := s.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def serve_stream(s):
    with s:
        s.settimeout(TIMEOUT_S)
        verb, size = struct.unpack("!cQ", receive_exactly(s, 9))
        if verb == b"U":
            s.sendall(hashlib.sha256(receive_all(s)).digest())
        else:
            s.sendall(content(size))


def serve_datagrams(s):
    while True:
        data, address = s.recvfrom(65535)
        if not data.startswith(b"UNIT"):
            s.sendto(data, address)
            continue
        size, count = struct.unpack("!II", data[4:12])
        s.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        s.sendto(content(size * count), address)
        s.setsockopt(SOL_UDP, UDP_SEGMENT, 0)


def server():
    streams = socket.create_server(("::", PORT), family=socket.AF_INET6,
                                   dualstack_ipv6=True)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.bind(("::", PORT))
    threading.Thread(target=serve_datagrams, args=(datagrams,),
                     daemon=True).start()
    while True:
        s, _ = streams.accept()
        threading.Thread(target=serve_stream, args=(s,), daemon=True).start()


def upload(host, size):
    data = content(size)
    with connect(host) as s:
        s.sendall(struct.pack("!cQ", b"U", size) + data)
        s.shutdown(socket.SHUT_WR)
        digest = receive_exactly(s, 32)
    if digest != hashlib.sha256(data).digest():
        raise SystemExit("what arrived is not what was sent")


def download(host, size):
    with connect(host) as s:
        s.sendall(struct.pack("!cQ", b"D", size))
        data = receive_all(s)
    if data != content(size):
        raise SystemExit(f"what arrived ({len(data)} bytes) is not what was sent")


def udp(host, size, count=1):
    with connect(host, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        for _ in range(count):
            s.send(content(size))
            if s.recv(65535) != content(size):
                raise SystemExit("another datagram came back")


def udp_units(host, size, count):
    with connect(host, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.send(b"UNIT" + struct.pack("!II", size, count))
        data = [s.recv(65535) for _ in range(count)]
    if [len(d) for d in data] != [size] * count or \
            b"".join(data) != content(size * count):
        raise SystemExit("other datagrams came")


def checksum(data):
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ping(host, size=56):
    v6 = ":" in host
    s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                      socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
    s.settimeout(2)
    body = struct.pack("!HH", os.getpid() & 0xffff, 1) + content(size)
    request = struct.pack("!BBH", 128 if v6 else 8, 0, 0) + body
    if not v6:
        request = request[:2] + struct.pack("!H", checksum(request)) + request[4:]
    s.sendto(request, (host, 0))
    while True:
        reply = s.recv(65535)
        if not v6:
            reply = reply[(reply[0] & 15) * 4:]
        if reply[0] == (129 if v6 else 0) and reply[4:] == body:
            return


def main():
    verbs = {f.__name__.replace("_", "-"): f
             for f in (server, upload, download, udp, udp_units, ping)}
    try:
        arguments = [int(a) if a.isdigit() else a for a in sys.argv[2:]]
        verbs[sys.argv[1]](*arguments)
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
