# SPDX-License-Identifier: BSD-2-Clause
"""cache.py - Talk to memcached on several connections: cache.py ADDRESS PORT"""
import hashlib
import socket
import sys
import threading

CONNECTIONS = 8
VALUES = 40
LARGE = 900_000


def value_of(key):
    return hashlib.sha256(key.encode()).digest() * (len(key) * 7)


def read_until(stream, end):
    lines = []
    while not lines or lines[-1] != end:
        line = stream.readline()
        if not line:
            raise ConnectionError("closed")
        lines.append(line)
    return lines


def get(stream, key):
    stream.write(f"get {key}\r\n".encode())
    stream.flush()
    head = stream.readline().split()
    if head == [b"END"]:
        return None
    data = stream.read(int(head[3]))
    read_until(stream, b"END\r\n")
    return data


def put(stream, key, value):
    stream.write(f"set {key} 0 0 {len(value)}\r\n".encode() + value + b"\r\n")
    stream.flush()
    return stream.readline() == b"STORED\r\n"


def converse(address, port, number, results):
    with socket.create_connection((address, port), timeout=20) as s:
        stream = s.makefile("rwb")
        right = 0
        for n in range(VALUES):
            key = f"key-{number}-{n}"
            right += put(stream, key, value_of(key)) and get(stream, key) == value_of(key)
        results[number] = right
        stream.write(b"quit\r\n")
        stream.flush()


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    results = [0] * CONNECTIONS
    threads = [threading.Thread(target=converse, args=(address, port, n, results))
               for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("right answers:", results)
    with socket.create_connection((address, port), timeout=20) as s:
        stream = s.makefile("rwb")
        large = b"x" * LARGE
        print("large:", put(stream, "large", large) and get(stream, "large") == large)
        print("not there:", get(stream, "nothing"))


main()
