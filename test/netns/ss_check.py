#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ss_check - What tto ss says, beside what the kernel's ss says at the other end

Runs a program under tto run that makes connections to this process, in states that follow
from what both do, and compares. TTO is the program. For ss_test.
"""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

TTO, PORT = os.environ["TTO"], 7400
STACK, KERNEL, NOBODY = "10.111.0.2", "10.111.0.1", "fd74:746f:0::3"
failed = False

PROGRAM = r"""
import json, socket, sys
socks = {}
for line in sys.stdin:
    name, what, *rest = line.split()
    s = socks.get(name)
    answer = 0
    if what == "connect":
        s = socks[name] = socket.socket()
        s.connect((rest[0], int(rest[1])))
        answer = s.getsockname()[1]
    elif what == "begin":
        s = socks[name] = socket.socket(socket.AF_INET6)
        s.setblocking(False)
        s.connect_ex((rest[0], int(rest[1])))
    elif what == "listen":
        s = socks[name] = socket.create_server((rest[0], int(rest[1])), backlog=int(rest[2]))
    elif what == "shut":
        s.shutdown(socket.SHUT_WR)
    elif what == "send":
        s.sendall(bytes(int(rest[0])))
    elif what == "fill":
        s.setblocking(False)
        try:
            while True:
                answer += s.send(bytes(65536))
        except BlockingIOError:
            pass
    elif what == "read":
        n = int(rest[0])
        while n:
            n -= len(s.recv(n))
    elif what == "close":
        socks.pop(name).close()
    print(answer, flush=True)
"""


class Program:
    def __init__(self):
        self.process = subprocess.Popen(
            [TTO, "run", "-q", "--", sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def end(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(20)


def until(function):
    """What the function gives, as soon as it gives something."""
    end = time.monotonic() + 5
    while True:
        got = function()
        if got or time.monotonic() > end:
            return got
        time.sleep(0.05)


def case(name, function, *arguments):
    global failed
    try:
        why = function(*arguments)
    except (AssertionError, LookupError, TypeError, ValueError, OSError,
            subprocess.SubprocessError) as error:
        why = f"{type(error).__name__} {error}"
    print(f"not ok {name}\n  {why}" if why else f"ok {name}", flush=True)
    failed = failed or bool(why)


def tto_ss(*arguments):
    return subprocess.run([TTO, "ss", *arguments], capture_output=True, text=True,
                          timeout=20, check=False)


def sockets(pid):
    done = tto_ss("--json", str(pid))
    assert done.returncode == 0 and not done.stderr, done
    stacks = json.loads(done.stdout)
    assert len(stacks) == 1 and not stacks[0]["was_reset"]
    return stacks[0]["sockets"]


def one(pid, local_port=None, remote=None):
    """The socket with that local port or remote address; None."""
    found = [s for s in sockets(pid)
             if (local_port and s["local"].endswith(f":{local_port}")) or
             (remote and s["remote"] == remote)]
    assert len(found) <= 1, found
    return found[0] if found else None


def kernel_ss(port):
    """What ss -tni says of the kernel's connection with @port."""
    out = subprocess.run(["ss", "-tniH", f"dport = :{port}"], capture_output=True, text=True,
                         check=True).stdout
    state, receive, send = out.split()[:3]
    values = dict(re.findall(r"(\w+):([\d.]+)", out))
    values["wscale"] = re.search(r"wscale:(\d+),(\d+)", out).groups()
    return state, int(receive), int(send), values


# ---- Cases ---------------------------------------------------------------------------------

def states(p, pid, listener):
    def state_of(port):
        found = one(pid, port)
        return found and found["state"]

    a = p.tell("a", "connect", KERNEL, PORT)
    peer_a, _ = listener.accept()
    assert state_of(a) == "ESTAB"
    assert kernel_ss(a)[0] == "ESTAB"
    p.tell("a", "shut")
    assert until(lambda: state_of(a) == "FIN-WAIT-2"), state_of(a)
    assert kernel_ss(a)[0] == "CLOSE-WAIT"
    peer_a.close()
    assert until(lambda: state_of(a) is None), state_of(a)   # TIME-WAIT is no socket

    b = p.tell("b", "connect", KERNEL, PORT)
    peer_b, _ = listener.accept()
    peer_b.shutdown(socket.SHUT_WR)
    assert until(lambda: state_of(b) == "CLOSE-WAIT"), state_of(b)
    p.tell("b", "close")
    assert until(lambda: state_of(b) is None), state_of(b)
    peer_b.close()

    p.tell("c", "begin", NOBODY, 9)
    found = one(pid, remote="[fd74:746f::3]:9")
    assert found and found["state"] == "SYN-SENT" and not found["bytes_sent"], found
    p.tell("c", "close")


def listeners(p, pid, _):
    p.tell("l", "listen", STACK, 7500, 5)
    assert one(pid, 7500) == {"state": "LISTEN", "local": f"{STACK}:7500",
                              "remote": "0.0.0.0:*", "receive_queue": 0, "send_queue": 5}
    clients = [socket.create_connection((STACK, 7500)) for _ in range(3)]
    found = until(lambda: [s for s in sockets(pid)
                           if s["state"] == "LISTEN" and s["receive_queue"] == 3])
    assert found, sockets(pid)
    assert sum(s["local"].endswith(":7500") and s["state"] == "ESTAB"
               for s in sockets(pid)) == 3
    for c in clients:
        c.close()
    p.tell("l", "close")


def queues(p, pid, listener):
    port = p.tell("q", "connect", KERNEL, PORT)
    peer, _ = listener.accept()
    peer.sendall(bytes(5000))
    assert until(lambda: one(pid, port)["receive_queue"] == 5000), one(pid, port)
    p.tell("q", "read", 2000)
    assert one(pid, port)["receive_queue"] == 3000, one(pid, port)
    p.tell("q", "read", 3000)
    assert one(pid, port)["receive_queue"] == 0
    # What the peer does not read is in one queue or the other.
    written = p.tell("q", "fill")
    there = until(lambda: one(pid, port)["send_queue"] + kernel_ss(port)[1] == written)
    assert there, (written, one(pid, port), kernel_ss(port))
    assert one(pid, port)["send_queue"] > 0
    peer.close()
    p.tell("q", "close")


def figures(p, pid, listener):
    port = p.tell("f", "connect", KERNEL, PORT)
    peer, _ = listener.accept()
    p.tell("f", "send", 3000)
    sent = 3000
    for _ in range(20):
        p.tell("f", "send", 150000)
        sent += 150000
        got = 0
        while got < 150000:
            got += len(peer.recv(1 << 20))
    peer.sendall(bytes(40000))
    p.tell("f", "read", 40000)
    time.sleep(0.3)
    ours, (state, _, _, theirs) = one(pid, port), kernel_ss(port)
    print("  ours:  ", ours, "\n  theirs:", state, theirs)
    same = {"bytes_sent": "bytes_received", "bytes_acked": "bytes_received",
            "bytes_received": "bytes_acked", "mss": "mss"}
    for mine, its in same.items():
        assert ours[mine] == int(theirs[its]), mine
    assert ours["bytes_sent"] == sent and ours["bytes_received"] == 40000
    # A unit that comes by a TAP device whole counts as one for the kernel.
    assert ours["units_sent"] == int(theirs["segs_in"]), "units"
    assert ours["retransmissions"] == 0
    # It is the peer's window that we may send into, and ours that it may.
    assert ours["receive_window"] == int(theirs["snd_wnd"]), "window"
    assert ours["send_window"] > 10000
    # Both measure the same path, of a few microseconds and who is scheduled when.
    assert 0 < ours["rtt_ns"] < 50e6 and float(theirs["rtt"]) < 50
    assert 200e6 <= ours["rto_ns"] < 400e6
    assert ours["cwnd_bytes"] >= 10 * ours["mss"]
    # Units of up to 64 KiB: 150000 bytes are 104 frames, in three of these or some more.
    each = ours["frames_sent"] / ours["units_sent"]
    assert each > 5, each
    out = tto_ss(str(pid)).stdout
    line = out[out.index(f":{port} "):].split("\n")[1]
    assert f"frames_per_unit:{each:.1f}," in line, line
    for word in (f"mss:{ours['mss']} ", f"bytes_sent:{sent} ", "cubic ts sack ",
                 f"wscale:{theirs['wscale'][1]},{theirs['wscale'][0]} "):
        assert word in line, (word, line)
    peer.close()
    p.tell("f", "close")


def numbers_again(p, pid, listener):
    """Those that are left are shown, whichever were closed."""
    ports = [p.tell(f"n{n}", "connect", KERNEL, PORT) for n in range(4)]
    peers = [listener.accept()[0] for _ in range(4)]
    for n in (0, 1, 2):
        peers[n].close()
        p.tell(f"n{n}", "close")
    assert until(lambda: one(pid, ports[0]) is None)
    assert one(pid, ports[3])["state"] == "ESTAB"
    peers[3].close()
    p.tell("n3", "close")


def nothing_there():
    done, as_json = tto_ss(), tto_ss("--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    assert as_json.returncode == 0 and json.loads(as_json.stdout) == []


def not_ones_own(pid):
    step_down = ["setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all"]
    for arguments, status, words in (([], 0, ""), ([str(pid)], 2, "Permission denied")):
        done = subprocess.run([*step_down, TTO, "ss", *arguments], capture_output=True,
                              text=True, check=False)
        assert done.returncode == status and words in done.stderr, done
        assert not done.stdout and done.stderr.count("\n") == (status == 2), done


def ends_meanwhile():
    """However it ends, whoever looks says something sensible, or nothing."""
    seen = 0
    for n in range(6):
        program = Program()
        program.tell("l", "listen", "0.0.0.0", 7500, 5)
        if n % 2:
            program.process.stdin.close()
        else:
            program.process.kill()
        for _ in range(12):
            done = tto_ss()
            assert done.returncode in (0, 2), done
            assert done.stderr.count("\n") == (done.returncode == 2), done
            seen += "LISTEN" in done.stdout
        program.end()
        assert until(lambda: not tto_ss().stdout), "does not end"
    assert seen, "never seen"


# ---- A heap that somebody else has written -----------------------------------------------------

HEAP, HEAP_BYTES, MAGIC = 0x3a0000000000, 64 << 30, 0x5041454854544f31
HEADER = os.path.join(os.path.dirname(__file__), "../../src/socket/stack.h")
with open(HEADER, encoding="ascii") as header:
    VERSION = int(re.search(r"#define STACK_VERSION (\d+)", header.read())[1])


def hostile(seed, verb):
    """What calls itself a heap, with anything in it: no verb crashes, hangs, or believes it.

    In a stack of random bytes sockets are searched in random places, in the heap and out.
    """
    generator = __import__("random").Random(seed)
    fd = os.memfd_create("tto-heap", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, HEAP_BYTES)
    root = 0x200000
    if seed % 4 == 1:
        root = generator.choice([HEAP_BYTES - 8, 8, (1 << 64) - HEAP - 1])
    os.pwrite(fd, struct.pack("=QQ", MAGIC, (HEAP + root) % (1 << 64)), 0)
    places = [HEAP + generator.randrange(0x400000) * 8 for _ in range(1000)]
    places += [0, 1, HEAP - 8, HEAP + HEAP_BYTES - 8, (1 << 64) - 8]
    words = b"".join(struct.pack("=Q", generator.choice(places)) for _ in range(60000))
    noise = generator.randbytes(len(words))
    mixed = bytearray(words if seed % 2 else noise)
    struct.pack_into("=I", mixed, 0, VERSION)
    os.pwrite(fd, noise, 0x100000)
    if root == 0x200000:
        os.pwrite(fd, mixed, root)
        # Where struct stack has its table of sockets, and the others: all of them.
        for at in range(0, len(mixed) - 8, 8):
            if generator.random() < 0.5:
                os.pwrite(fd, struct.pack("=Q", generator.choice(places)), root + at + 8)
        os.pwrite(fd, struct.pack("=I", VERSION), root)
    os.pwrite(fd, words, 0x300000)
    try:
        arguments = {"ss": ["ss", str(os.getpid())], "json": ["ss", "--json"],
                     "explain": ["explain", "--pid", str(os.getpid())],
                     "capture": ["capture", "--pid", str(os.getpid()), "--seconds", "1"]}
        done = subprocess.run([TTO, *arguments[verb]], capture_output=True, timeout=30,
                              check=False)
        assert done.returncode in (0, 2), (seed, verb, done.returncode, done.stderr)
        assert done.stderr.count(b"\n") == (done.returncode == 2), (seed, verb, done.stderr)
        return done.returncode
    finally:
        os.close(fd)


def hostile_heaps():
    status = [hostile(seed, verb) for seed in range(8) for verb in ("ss", "json", "explain")]
    assert set(status) == {0, 2}, status        # some are like a stack, some are not


def hostile_mirrors():
    for seed in (0, 1, 2, 3):
        hostile(seed, "capture")


def main():
    case("nothing is there", nothing_there)
    listener = socket.create_server(("", PORT), backlog=50)
    program = Program()
    pid = program.process.pid
    program.tell("x", "listen", STACK, 7600, 1)
    for name, function in (("states", states), ("listeners", listeners),
                           ("queues", queues), ("figures, beside the kernel's", figures),
                           ("after others were closed", numbers_again)):
        case(name, function, program, pid, listener)
    if os.getuid() == 0 and sys.argv[1:] == ["setpriv"]:
        case("somebody else's", not_ones_own, pid)
    program.end()
    case("a stack that ends meanwhile", ends_meanwhile)
    case("heaps with anything in them", hostile_heaps)
    case("mirrors with anything in them", hostile_mirrors)
    return failed


if __name__ == "__main__":
    sys.exit(main())
