# SPDX-License-Identifier: BSD-2-Clause
"""lab - Namespaces, the kernel's end of a connection, and ours

What is here ends with the process: enter() starts it again in namespaces of
network, mounts and processes of its own. Sockets of the kernel are made in this
process, in the namespace that is asked for; our end is tto-interop.
"""
import contextlib
import ctypes
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TTO_BUILD", os.path.join(ROOT, "build"))
TTO = os.path.join(BUILD, "tto")
STATION = os.path.join(BUILD, "test", "interop", "tto-interop")
RUN = "/run/interop"
OURS = {4: "10.9.0.1", 6: "fd09::1"}
KERNEL = {4: "10.9.0.2", 6: "fd09::2"}
PREFIX = {4: 24, 6: 64}
CLONE_NEWNET = 0x40000000
TCP_INFO_TOTAL_RETRANS = 100        # its offset, include/uapi/linux/tcp.h
TIME_WAIT, LISTEN = "06", "0A"

libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """One line for the user."""


# ---- Namespaces -------------------------------------------------------------

def why_not():
    """Why this cannot run here, or None."""
    for program in ("unshare", "ip", "ethtool"):
        if subprocess.run(["sh", "-c", f"command -v {program}"], check=False,
                          stdout=subprocess.DEVNULL).returncode:
            return f"{program} is not installed"
    if not os.path.exists("/dev/net/tun"):
        return "/dev/net/tun is not there"
    if subprocess.run([*unshare(), "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        return "namespaces are not allowed here (see tto doctor)"
    if not os.path.exists(STATION):
        return f"{STATION} is not built"
    return None


def unshare():
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount"]


def enter(limit_s):
    """Starts this program again, inside, with @limit_s to live."""
    if os.environ.get("TTO_INSIDE"):
        run("mount -t tmpfs none /run")
        os.makedirs("/run/netns")
        os.mkdir(RUN)
        run("ip link set lo up")
        return
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    reason = why_not()
    if reason:
        print(reason)
        sys.exit(77)
    os.environ["TTO_INSIDE"] = "yes"
    os.execvp("unshare", [*unshare(), "--pid", "--fork", "--kill-child",
                          "--mount-proc", "timeout", "--kill-after=5",
                          str(limit_s), sys.executable, *sys.argv])


def run(command):
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{command}: {done.stderr.strip() or done.returncode}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace):
    """This thread, and the sockets it makes, in a namespace for a while."""
    with open("/proc/thread-self/ns/net", "rb") as here, \
            open(f"/run/netns/{namespace}", "rb") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            raise Failure(f"{namespace}: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            libc.setns(here.fileno(), CLONE_NEWNET)


def add_namespace(name):
    run(f"ip netns add {name}")
    run(f"ip -n {name} link set lo up")


def add_veth(one, other, offloads):
    """(namespace, device) twice; both are up."""
    run(f"ip -n {one[0]} link add {one[1]} type veth peer name {other[1]} "
        f"netns {other[0]}")
    for namespace, device in (one, other):
        run(f"ip -n {namespace} link set {device} addrgenmode none up")
        run(f"ip netns exec {namespace} ethtool -K {device} {offloads}")


def add_addresses(namespace, device, addresses):
    for family, address in addresses.items():
        flag = "nodad" if family == 6 else ""
        run(f"ip -n {namespace} addr add {address}/{PREFIX[family]} dev {device} {flag}")


def snmp(namespace):
    """The kernel's counters of TCP, by name."""
    with inside(namespace):
        rows = []
        for name in ("snmp", "netstat"):
            with open(f"/proc/thread-self/net/{name}", encoding="ascii") as f:
                rows += [line.split() for line in f]
    found = {}
    for names, values in zip(rows[::2], rows[1::2]):
        if names[0] in ("Tcp:", "TcpExt:"):
            found.update(zip(names[1:], map(int, values[1:])))
    return found


def sockets(namespace, port):
    """States, as /proc has them, of the kernel's sockets with @port."""
    found = []
    with inside(namespace):
        for name in ("tcp", "tcp6"):
            with open(f"/proc/thread-self/net/{name}", encoding="ascii") as f:
                for line in list(f)[1:]:
                    fields = line.split()
                    ports = [int(a.rpartition(":")[2], 16) for a in fields[1:3]]
                    if port in ports:
                        found.append(fields[3])
    return found


# ---- Content ----------------------------------------------------------------

def make_file(size):
    """(path, sha256) of a file of random bytes."""
    path = f"{RUN}/content-{size}"
    if not os.path.exists(path):
        with open(path, "wb") as f:
            for _ in range(0, size, 1 << 20):
                f.write(os.urandom(1 << 20))
            f.truncate(size)
    return path, digest_of(path)


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while part := f.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


# ---- The kernel's end -------------------------------------------------------

class Kernel(threading.Thread):
    """One connection of the kernel's TCP; the result is in its attributes."""

    def __init__(self, namespace, family, port, path=None, timeout=60):
        """@path: what it sends."""
        super().__init__(daemon=True)
        self.port, self.path, self.timeout = port, path, timeout
        self.received, self.digest, self.seconds = 0, None, 0.0
        self.retransmitted, self.error, self.peer = 0, None, None
        with inside(namespace):
            self.socket = socket.socket(
                socket.AF_INET6 if family == 6 else socket.AF_INET)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        self.socket.settimeout(timeout)

    def listen(self):
        self.socket.bind(("", self.port))
        self.socket.listen(4)
        self.start()

    def connect(self, address):
        self.peer = address
        self.start()

    def open(self):
        if self.peer:
            self.socket.connect((self.peer, self.port))
            return self.socket
        with self.socket as listening:
            s = listening.accept()[0]
        s.settimeout(self.timeout)
        return s

    def send(self, s):
        if self.path:
            with open(self.path, "rb") as f:
                s.sendfile(f)
            s.shutdown(socket.SHUT_WR)

    def receive(self, s):
        digest, begin = hashlib.sha256(), time.monotonic()
        while part := s.recv(1 << 18):
            digest.update(part)
            self.received += len(part)
        self.seconds = time.monotonic() - begin
        self.digest = digest.hexdigest()

    def run(self):
        try:
            with self.open() as s:
                sender = threading.Thread(target=self.send, args=(s,), daemon=True)
                sender.start()
                self.receive(s)
                sender.join(self.timeout)
                info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                self.retransmitted = struct.unpack_from(
                    "=I", info, TCP_INFO_TOTAL_RETRANS)[0]
        except OSError as error:
            self.error = str(error)

    def wait(self, seconds):
        self.join(seconds)
        if self.is_alive():
            self.error = self.error or "did not end"
        return self


# ---- Our end ----------------------------------------------------------------

class Station:
    """A run of tto-interop."""

    def __init__(self, namespace, wire, arguments):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, STATION, *arguments, wire],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until(self, word):
        line = self.process.stdout.readline().strip()
        if line != word:
            raise Failure(f"tto-interop: {line} {self.process.stderr.read().strip()}")

    def finish(self, seconds):
        """Its result; "ok" says whether all went well. It knows its own time, too."""
        watchdog = threading.Timer(seconds, self.process.kill)
        watchdog.start()
        out, messages = self.process.stdout.read(), self.process.stderr.read()
        self.process.wait()
        watchdog.cancel()
        try:
            return json.loads(out)
        except ValueError:
            return {"ok": False, "why": messages.strip() or
                    f"ended with {self.process.returncode}"}
