# SPDX-License-Identifier: BSD-2-Clause
"""rights_client.py - Asks rights_server.py, and says whether the answers are right

	rights_client.py ADDRESS PORT kernel|tto
"""
import socket
import sys
import time

ADDRESS, SIDE = (sys.argv[1], int(sys.argv[2])), sys.argv[3]
NOTICED = 4.0		# what nobody receives is looked for now and then


def connect(address):
    for _ in range(100):
        try:
            return socket.create_connection(address, 10)
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nobody listens at {address}")


def ask(what):
    s = connect(ADDRESS)
    s.sendall(what)
    return s


def answer(s):
    got = b""
    while piece := s.recv(100):
        got += piece
    return got


def is_passed(what, expected):
    with ask(what) as s:
        return answer(s) == expected


def listener_is_passed():
    with ask(b"accept"), connect((ADDRESS[0], ADDRESS[1] + 1)) as s:
        return answer(s) == b"accept by executed"


def unread_stays_open_and_ends():
    with ask(b"unread") as s:
        if s.recv(10) != b"sent":
            return False
        s.settimeout(0.5)
        try:
            s.recv(10)
            return False	# it ended, though somebody may still receive it
        except TimeoutError:
            s.settimeout(NOTICED)
            return s.recv(10) == b""


CASES = {
    "LIB_5_passed_to_who_was_forked":
        lambda: is_passed(b"forked", b"forked by forked"),
    "LIB_5_passed_to_who_has_no_socket_yet":
        lambda: is_passed(b"executed", b"executed by executed"),
    "LIB_5_passed_twice_in_a_message":
        lambda: is_passed(b"two", b"two by executed" * 2),
    "LIB_5_received_after_a_look_at_it": lambda: is_passed(b"twice", b"twice"),
    "LIB_5_message_that_was_not_sent": lambda: is_passed(b"refuse", b"broken pipe"),
    "LIB_5_listener_passed": listener_is_passed,
    "LIB_5_unread_stays_open_and_ends": unread_stays_open_and_ends,
    # Who is not of the stack cannot use it, and holds it while he has it.
    "LIB_5_passed_to_a_stranger":
        lambda: is_passed(b"outside", b"outside by outside" if SIDE == "kernel" else b""),
}
failed = 0
for name, case in CASES.items():
    try:
        right = case()
    except OSError as e:
        print(" ", e)
        right = False
    print("ok" if right else "not ok", f"{name} ({SIDE})")
    failed |= not right
sys.exit(failed)
