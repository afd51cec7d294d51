# SPDX-License-Identifier: BSD-2-Clause
"""passing_client.py - Asks passing_server.py, and says whether the answers are right"""
import os
import signal
import socket
import sys
import time

ADDRESS, FILE = (sys.argv[1], 7002), sys.argv[2]
# Somebody must notice that a process has died; a second is generous.
NOTICED = 1.0


def ask(action):
    for _ in range(50):
        try:
            s = socket.create_connection(ADDRESS, 10)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    s.sendall(action.encode())
    return s


def answer(s):
    got = b""
    try:
        while piece := s.recv(65536):
            got += piece
    except (ConnectionResetError, TimeoutError):
        pass
    return got


def file_is_sent(action):
    with open(FILE, "rb") as f:
        return answer(ask(action)) == f.read()


def killed_is_closed():
    s = ask("hang")
    os.kill(int(s.recv(100)), signal.SIGKILL)
    begin = time.monotonic()
    return answer(s) == b"" and time.monotonic() - begin < NOTICED


def dead_is_closed():
    s = ask("die")
    begin = time.monotonic()
    return answer(s) == b"" and time.monotonic() - begin < NOTICED


def killed_clone_is_closed():
    s = ask("clone_and_kill")
    begin = time.monotonic()
    return answer(s) == b"begun" and 0.4 < time.monotonic() - begin < 0.5 + NOTICED


failed = 0
for name, check in (
        ("sendfile", lambda: file_is_sent("send_file")),
        ("splice", lambda: file_is_sent("splice")),
        ("exec_with_a_socket_as_output",
         lambda: answer(ask("execute")) == b"builtin\nprogram\nend"),
        ("system_with_a_socket", lambda: answer(ask("start")) == b"system\nchild"),
        ("cloned_by_number", lambda: answer(ask("clone")) == b"still there"),
        ("cloned_and_killed_has_closed", killed_clone_is_closed),
        ("limited_address_space", lambda: answer(ask("limit")) == b"limited"),
        ("who_is_killed_has_closed", killed_is_closed),
        ("who_kills_himself_has_closed", dead_is_closed),
        ("the_others_go_on", lambda: file_is_sent("send_file"))):
    ok = check()
    failed |= not ok
    print("ok" if ok else "not ok", "lib_5_" + name, flush=True)
sys.exit(failed)
