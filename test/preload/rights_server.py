# SPDX-License-Identifier: BSD-2-Clause
"""rights_server.py - Gives the connections that it accepts to other processes, by messages

	rights_server.py ADDRESS PORT

What is to become of a connection is the first that comes on it.
"""
import os
import socket
import subprocess
import sys
import time

READER = """
import os, socket, sys
way = socket.socket(fileno=int(sys.argv[1]))
while True:
    what, fds, _, _ = socket.recv_fds(way, 10, 5)
    if not what:
        break
    if what == b"accept":
        with socket.socket(fileno=fds[0]) as listener:
            fds = [listener.accept()[0].detach()]
    for fd in fds:
        try:
            with socket.socket(fileno=fd) as s:
                s.sendall(what + b" by " + sys.argv[2].encode())
        except BrokenPipeError:
            pass
"""


def reader(name, environment=None):
    """A program of its own that answers on what it is given. Return: the way to it."""
    here, there = socket.socketpair()
    os.set_inheritable(there.fileno(), True)
    subprocess.Popen([sys.executable, "-c", READER, str(there.fileno()), name],
                     env=environment, close_fds=False)
    there.close()
    return here


def give(way, what, *fds):
    socket.send_fds(way, [what], fds)


def unread(connection):
    """Nobody receives it, and after a second nobody can any more."""
    if os.fork():
        return
    here, there = socket.socketpair()
    give(here, b"unread", connection.fileno())
    connection.sendall(b"sent")
    connection.close()
    time.sleep(1)
    os._exit(0)


def receive_one(way, flags):
    control = way.recvmsg(10, socket.CMSG_SPACE(4), flags)[1]
    return int.from_bytes(control[0][2], sys.byteorder)


def receive_twice(connection):
    """A look at a message gives a descriptor as well."""
    here, there = socket.socketpair()
    give(here, b"twice", connection.fileno())
    connection.close()
    first, again = receive_one(there, socket.MSG_PEEK), receive_one(there, 0)
    os.close(first)
    with socket.socket(fileno=again) as s:
        s.sendall(b"twice")


def refuse(connection):
    here, there = socket.socketpair()
    there.close()
    try:
        give(here, b"nobody", connection.fileno())
    except BrokenPipeError:
        connection.sendall(b"broken pipe")


strangers = {name: value for name, value in os.environ.items()
             if name not in ("LD_PRELOAD", "TTO_STACK")}
# Before there is a socket here: it knows the stack by what it is given only.
executed = reader("executed")
outside = reader("outside", strangers)
address = (sys.argv[1], int(sys.argv[2]))
listener = socket.create_server(address)
second = socket.create_server((address[0], address[1] + 1))
forked, there = socket.socketpair()
if os.fork() == 0:
    sys.argv = ["", str(there.detach()), "forked"]
    forked.close()
    exec(READER)
    os._exit(0)
there.close()

ACTIONS = {
    b"executed": lambda c: give(executed, b"executed", c.fileno()),
    b"forked": lambda c: give(forked, b"forked", c.fileno()),
    b"outside": lambda c: give(outside, b"outside", c.fileno()),
    b"two": lambda c: give(executed, b"two", c.fileno(), c.fileno()),
    b"accept": lambda c: give(executed, b"accept", second.fileno()),
    b"twice": receive_twice,
    b"refuse": refuse,
    b"unread": unread,
}
while True:
    accepted, _ = listener.accept()
    with accepted:
        ACTIONS[accepted.recv(10)](accepted)
