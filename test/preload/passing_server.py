# SPDX-License-Identifier: BSD-2-Clause
"""passing_server.py - Three processes that accept; each does what a connection says"""
import ctypes
import os
import resource
import signal
import socket
import sys
import time

FILE = sys.argv[1]
SYS_CLONE = {"x86_64": 56}.get(os.uname().machine, 220)
CLONE_NEWPID = 0x20000000


def by_number(flags):
    """As fork(2), past its name."""
    return ctypes.CDLL(None).syscall(SYS_CLONE, flags | signal.SIGCHLD, None, None, None, None)


def send_file(connection):
    with open(FILE, "rb") as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            at += os.sendfile(connection.fileno(), f.fileno(), at, size - at)


def splice(connection):
    r, w = os.pipe()
    with open(FILE, "rb") as f:
        while piece := f.read(30000):
            os.write(w, piece)
            left = len(piece)
            while left:
                left -= os.splice(r, connection.fileno(), left)
    os.close(r)
    os.close(w)


def execute(connection):
    """A child has the socket as its standard output, and becomes another program."""
    child = os.fork()
    if child == 0:
        os.dup2(connection.fileno(), 1)
        os.execlp("bash", "bash", "-c", "echo builtin; cat <<<program; printf end")
    os.waitpid(child, 0)


def start(connection):
    os.dup2(connection.fileno(), 9)
    os.system("echo system >&9; python3 -c 'import os; os.write(9, b\"child\")'")
    os.close(9)


def clone(connection):
    """What the child closes the parent still has."""
    child = by_number(0)
    if child == 0:
        connection.close()
        listener.close()
        os._exit(0)
    os.waitpid(child, 0)
    connection.sendall(b"still there")


def clone_and_kill(connection):
    """For itself the child is process 1, which is another one for everybody else."""
    child = by_number(CLONE_NEWPID)
    if child == 0:
        time.sleep(100)
        os._exit(0)
    connection.sendall(b"begun")
    connection.close()
    time.sleep(0.5)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def limit(connection):
    """So much address space and no more, beside what the stack has."""
    if os.fork():
        return
    most = (1 << 30, 1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, most)
    some = bytearray(100 << 20)
    try:
        too_much = bytearray(3 << 30)
    except MemoryError:
        too_much = b""
    if resource.getrlimit(resource.RLIMIT_AS) == most and some and not too_much:
        connection.sendall(b"limited")
    os._exit(0)


def die(connection):
    os.kill(os.getpid(), signal.SIGKILL)


def hang(connection):
    connection.sendall(str(os.getpid()).encode())
    time.sleep(100)


ACTIONS = {a.__name__: a for a in (send_file, splice, execute, start, clone, clone_and_kill,
                                       limit, die, hang)}
listener = socket.create_server(("0.0.0.0", 7002))
for _ in range(2):
    if os.fork() == 0:
        break
while True:
    accepted, _ = listener.accept()
    with accepted:
        ACTIONS[accepted.recv(100).decode()](accepted)
