# SPDX-License-Identifier: BSD-2-Clause
"""space - Namespaces and processes of a measurement, which end with it

After enter() the program is in namespaces of network, mounts and processes of its own:
whatever is made in there is gone when it ends, however it ends. OUTER is the /proc of
before, where the kernel's own threads are.
"""
import ctypes
import errno
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

RUN = "/run/e2e"
OUTER = "/run/outer"
PATIENCE_S = 15
TURN_S = 600
PR_SET_PDEATHSIG = 1
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
# Where who is not root does not look.
os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


class Failure(Exception):
    """One line for the user."""


class Missing(Failure):
    """Something that is not installed; what needs it is left out."""


# ---- Namespaces -------------------------------------------------------------

def enter(limit_s):
    """Goes on in namespaces of its own, as their first process, with @limit_s to live.

    Who called stays outside, passes signals on, and ends as the one inside does.
    """
    for program in ("ip", "ethtool", "taskset", "mount"):
        need(program)
    if not os.path.exists("/dev/net/tun"):
        raise Missing("/dev/net/tun is not there; try modprobe tun, or see tto doctor")
    _turn = take_turn()
    unshare()
    # The first process of a namespace gets only what it has a handler for.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    child = os.fork()
    if child:
        sys.exit(watch(child, limit_s))
    # Of its own group: what is typed comes from the parent, once.
    os.setpgid(0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prepare()


def take_turn():
    """Waits while another measurement of this kind is under way, and lets none begin.

    The turn is a name that one process can have, and that goes with it.
    """
    turn, end, is_told = socket.socket(socket.AF_UNIX), time.monotonic() + TURN_S, False
    while time.monotonic() < end:
        try:
            turn.bind("\0tto-measures")
            return turn
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        if not is_told:
            print("another measurement is under way; waiting", file=sys.stderr)
        is_told = True
        time.sleep(1)
    raise Failure("another measurement does not end")


def unshare():
    flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(flags | (CLONE_NEWUSER if user else 0)):
        raise Missing(f"namespaces: {os.strerror(ctypes.get_errno())}; try sudo, or see "
                      "tto doctor")
    if not user:
        return
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"),
                       ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as f:
            f.write(line)


def watch(child, limit_s):
    """The exit status of @child, which is killed when its time is over."""
    def pass_on(number, _):
        os.kill(child, number)

    def expire(*_):
        print(f"tto: the measurement: not done within {limit_s} s", file=sys.stderr)
        os.kill(child, signal.SIGKILL)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    signal.signal(signal.SIGALRM, expire)
    signal.alarm(int(limit_s))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def prepare():
    run("mount --make-rprivate /")
    run("mount -t tmpfs none /run")
    for folder in ("/run/netns", RUN, OUTER):
        os.mkdir(folder)
    run(f"mount --rbind /proc {OUTER}")
    run("mount -t proc none /proc")
    run("ip link set lo up")


def programs(tto):
    """(tto, traffic): the ends for measuring, as built or as installed with it."""
    if not os.access(tto, os.X_OK):
        raise Failure(f"{tto}: not there; make builds it")
    here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    for folder in (os.path.join(os.path.dirname(tto), "bench"), here):
        traffic = os.path.join(folder, "traffic")
        if os.access(traffic, os.X_OK):
            return os.path.abspath(tto), os.path.abspath(traffic)
    raise Failure(f"{tto}: traffic is not there with it; make builds it")


def need(program):
    if not shutil.which(program):
        raise Missing(f"{program} is not installed")


def run(command):
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{command}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def write(namespace, path, value):
    """What a namespace's /proc/sys says."""
    done = subprocess.run(["ip", "netns", "exec", namespace, "sh", "-c",
                           'echo "$2" >"/proc/sys/$1"', "sh", path, value],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{path}: {done.stderr.strip()}")


def add_namespace(name):
    run(f"ip netns add {name}")
    run(f"ip -n {name} link set lo up")


def until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.005)


# ---- Processes --------------------------------------------------------------

class Process:
    """A command, in a group of its own, whose output is read line by line."""

    def __init__(self, command, name):
        self.name, self.rest = name, b""
        self.errors = open(f"{RUN}/{name}.errors", "w+b")
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=self.errors,
                                      preexec_fn=become_leader)

    def line(self, seconds=PATIENCE_S):
        """The next line of its output; None at the end of it."""
        end = time.monotonic() + seconds
        out = self.popen.stdout.fileno()
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                raise Failure(f"{self.name}: silent for {seconds:g} s{self.why()}")
            more = os.read(out, 65536)
            if not more:
                return None
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def until(self, word, seconds=PATIENCE_S):
        while (line := self.line(seconds)) != word:
            if line is None:
                self.fail()

    def wait(self, seconds):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name}: does not end") from None

    def has_ended(self):
        """If so, raises."""
        if self.popen.poll() is not None:
            self.fail()
        return False

    def fail(self):
        raise Failure(f"{self.name}: ended with {self.wait(5)}{self.why()}")

    def why(self):
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().split("\n")[-1]
        return f": {said}" if said else ""

    def result(self):
        """The next line, as JSON."""
        line = self.line()
        try:
            return json.loads(line or "")
        except ValueError:
            raise Failure(f"{self.name}: says {line!r}{self.why()}") from None

    def end(self):
        """Ends it, and whatever it has left behind: nobody waits for it any more."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
        self.popen.stdout.close()
        self.errors.close()


def become_leader():
    os.setsid()
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
