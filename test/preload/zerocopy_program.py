# SPDX-License-Identifier: BSD-2-Clause
"""zerocopy_program.py - What a program is told of its sends with MSG_ZEROCOPY

    zerocopy_program.py peer PORT           reads, confirms what it was asked to
    zerocopy_program.py ADDRESS PORT        sends, and prints what it is told

The second is run over the kernel and over tto, and prints the same. When notifications
come is not the same: the kernel's wait for ACKs. So the peer confirms first that it has
everything, and it is looked at a moment later.
"""
import errno
import select
import socket
import struct
import sys
import time

SO_ZEROCOPY, MSG_ZEROCOPY = 60, 0x4000000
ERROR = "=IBBBBII"	# struct sock_extended_err


def read_exactly(s, n):
    got = b""
    while len(got) < n:
        part = s.recv(n - len(got))
        if not part:
            raise EOFError
        got += part
    return got


def serve(s):
    """Orders: 'r' N: read so many bytes, say so; 'c' PORT: connect back; 'q'."""
    with s:
        while True:
            order, number = struct.unpack("!cI", read_exactly(s, 5))
            if order == b"r":
                while number:
                    got = len(s.recv(min(number, 1 << 16)))
                    if not got:
                        return
                    number -= got
                s.sendall(b"!")
            elif order == b"c":
                with socket.create_connection((s.getpeername()[0], number)) as back:
                    back.recv(1)
            else:
                return


def peer(port):
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::", port))
        listener.listen()
        while True:
            try:
                serve(listener.accept()[0])
            except (EOFError, OSError):
                pass


def order(s, what, number):
    s.send(struct.pack("!cI", what, number))


def attempt(what, call, *arguments):
    try:
        print(what, call(*arguments))
    except OSError as e:
        print(what, errno.errorcode[e.errno])


def take(s, room=200, say=True):
    """One message of the error queue. Returns (first, last, text); None: empty."""
    try:
        data, control, flags, name = s.recvmsg(10, room, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        return None
    text = f"data {data!r} flags {flags:#x} from {name}"
    first = last = None
    for level, kind, value in control:
        text += f" | {level} {kind} {len(value)} bytes"
        if len(value) >= struct.calcsize(ERROR):
            number, origin, type_, code, pad, first, last = struct.unpack_from(ERROR, value)
            rest = value[struct.calcsize(ERROR):]
            text += (f" errno {number} origin {origin} type {type_} code {code} "
                     f"pad {pad} info {first} data {last} rest {rest.hex()}")
    if say:
        print("  told:", text)
    return first, last


def drain(s, what):
    print(what)
    while take(s):
        pass


def events(s):
    p = select.poll()
    p.register(s, select.POLLIN)
    return [e for _, e in p.poll(0)]


class Sender:
    def __init__(self, s):
        self.s = s
        self.unread = 0

    def send(self, n, flags=MSG_ZEROCOPY, s=None):
        order(self.s, b"r", n)
        done = 0
        while done < n:
            done += (s or self.s).send(bytes(n - done), flags)
        assert read_exactly(self.s, 1) == b"!"
        time.sleep(0.05)


def one_connection(s):
    out = Sender(s)
    attempt("option before", s.getsockopt, socket.SOL_SOCKET, SO_ZEROCOPY)
    out.send(1000)
    drain(s, "without the option nothing is counted")
    for value in (2, -1, 1):
        attempt(f"option {value}", s.setsockopt, socket.SOL_SOCKET, SO_ZEROCOPY, value)
    attempt("option after", s.getsockopt, socket.SOL_SOCKET, SO_ZEROCOPY)
    attempt("empty queue", s.recvmsg, 1, 100, socket.MSG_ERRQUEUE)
    print("events", events(s))

    for _ in range(3):
        out.send(10000)
    print("events", events(s))
    attempt("SO_ERROR", s.getsockopt, socket.SOL_SOCKET, socket.SO_ERROR)
    drain(s, "three sends")
    print("events", events(s))

    out.send(10000)
    out.send(10000, 0)
    s.send(b"", MSG_ZEROCOPY)
    out.send(200000)
    drain(s, "with one that copies and an empty one between")

    for room in (0, 8, 20, 40, 48, 56, 60):
        out.send(10)
        print("room for control data", room)
        take(s, room)
        print("then", take(s))

    with s.dup() as other:
        out.send(10, s=other)
        out.send(10)
    drain(s, "by two descriptors")

    with select.epoll() as set_:
        set_.register(s, select.EPOLLIN | select.EPOLLET)
        print("edges", [e for _, e in set_.poll(0)])
        out.send(10)
        print("edges", [e & select.EPOLLERR for _, e in set_.poll(1)])
        print("edges", [e & select.EPOLLERR for _, e in set_.poll(0)])
        out.send(10)
        print("edges", [e & select.EPOLLERR for _, e in set_.poll(1)])
    drain(s, "edges came")

    r, w, x = select.select([s], [s], [s], 0)
    print("select", len(r), len(w), len(x))
    out.send(10)
    r, w, x = select.select([s], [s], [s], 0)
    print("select", len(r), len(w), len(x))
    drain(s, "select")


def fill(s):
    """Until it would block: as many are told of as took bytes."""
    s.setblocking(False)
    order(s, b"r", 1 << 30)
    sent = calls = 0
    while True:
        try:
            sent += s.send(bytes(50000), MSG_ZEROCOPY)
            calls += 1
        except BlockingIOError:
            break
        except OSError as e:
            print(errno.errorcode[e.errno])
            break
        if calls > 40:
            break
    first = told = None
    end = time.monotonic() + 5
    while time.monotonic() < end and (first is None or told - first + 1 < calls):
        got = take(s, say=False)
        if got:
            first = got[0] if first is None else first
            told = got[1]
        time.sleep(0.01)
    print("filled, told of all:", told - first + 1 == calls, "more:", take(s))
    s.setblocking(True)


def inherited(s):
    with socket.socket(s.family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        listener.bind((s.getsockname()[0], 0))
        listener.listen()
        order(s, b"c", listener.getsockname()[1])
        accepted, _ = listener.accept()
        with accepted:
            attempt("accepted", accepted.getsockopt, socket.SOL_SOCKET, SO_ZEROCOPY)
            accepted.send(b"!", MSG_ZEROCOPY)
            time.sleep(0.1)
            drain(accepted, "by the one that was accepted, at its end")


def main(address, port):
    for family, name in ((socket.AF_INET, address), (socket.AF_INET6, "::ffff:" + address)):
        print("family", family)
        with socket.socket(family) as s:
            attempt("not connected", s.recvmsg, 1, 100, socket.MSG_ERRQUEUE)
            s.connect((name, port))
            one_connection(s)
            inherited(s)
            fill(s)


if __name__ == "__main__":
    if sys.argv[1] == "peer":
        peer(int(sys.argv[2]))
    else:
        main(sys.argv[1], int(sys.argv[2]))
