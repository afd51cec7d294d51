# SPDX-License-Identifier: BSD-2-Clause
"""sides - Whose TCP is at each end, and what is between them

    veth       kernel | server ns --- veth, default offloads --- client ns | kernel
    frames     the same with tso and gso off, gro on: every frame has 1514 bytes
    loopback   kernel | lo | kernel, in one namespace
    memif      tto run | ring in shared memory, frames of 1514 bytes | tto run
    tap        tto run (server) | TAP | kernel (client)
    tap-out    kernel (server) | TAP | tto run (client)

A Side turns a command into one that runs at an end, on a core.
"""
import itertools
import json
import os

from space import RUN, Failure, add_namespace, run, until, write

NUMBERS = itertools.count(1)
FRAME_BYTES = 1514


def set_up(namespace):
    add_namespace(namespace)
    for path, value in (("net/ipv4/tcp_no_metrics_save", "1"),
                        ("net/ipv4/tcp_tw_reuse", "1"),
                        ("net/ipv4/ip_local_port_range", "1024 65535")):
        write(namespace, path, value)


def choose_cubic(namespace, route):
    """For the kernel's connections by that route. (The namespace's own default is the
    machine's, and may be chosen only among those that everybody may choose.)"""
    run(f"ip -n {namespace} route replace {route} congctl cubic")


def within(namespace, core, command):
    return ["ip", "netns", "exec", namespace, "taskset", "-c", str(core), *command]


class Side:
    """What is common; start() once; for each run server(), then client()."""

    name, label, is_peer, address = "", "", True, ""
    namespaces = ("server", "client")

    def start(self):
        for namespace in dict.fromkeys(self.spaces()):
            set_up(namespace)
        self.connect()

    def spaces(self):
        return [f"{self.name}-{n}" for n in self.namespaces]

    def connect(self):
        pass

    def between(self, server):
        """When the server is started, before the client is."""

    def end(self):
        """After each run, when all processes have ended."""

    def server(self, core, command):
        return within(self.spaces()[0], core, command)

    def client(self, core, command):
        return within(self.spaces()[-1], core, command)


class Veth(Side):
    name, label, address = "veth", "kernel, veth", "10.7.0.1"
    offloads = None

    def connect(self):
        server, client = self.spaces()
        run(f"ip -n {server} link add e0 type veth peer name e0 netns {client}")
        for n, space in enumerate((server, client), 1):
            run(f"ip -n {space} link set e0 addrgenmode none up")
            run(f"ip -n {space} addr add 10.7.0.{n}/24 dev e0")
            run(f"ip -n {space} link set e0 up")
            if self.offloads:
                run(f"ip netns exec {space} ethtool -K e0 {self.offloads}")
            choose_cubic(space, f"10.7.0.0/24 dev e0 src 10.7.0.{n}")


class Frames(Veth):
    name, label = "frames", "kernel, veth, real frames"
    offloads = "tso off gso off gro on"

    def end(self):
        """The row is what it is called, or fails."""
        for space in self.spaces():
            shown = json.loads(run(f"ip -n {space} -j -s link show e0"))[0]["stats64"]["rx"]
            if shown["bytes"] > FRAME_BYTES * shown["packets"]:
                raise Failure(f"frames of {shown['bytes'] / shown['packets']:.0f} bytes")


class Loopback(Side):
    name, label, address = "loopback", "kernel, loopback", "127.0.0.1"
    namespaces = ("both",)

    def connect(self):
        choose_cubic(self.spaces()[0],
                     "local 127.0.0.0/8 dev lo src 127.0.0.1 table local")
        choose_cubic(self.spaces()[0], "local 127.0.0.1 dev lo src 127.0.0.1 table local")


class Memif(Side):
    name, label, is_peer, address = "memif", "tto, memif", False, "10.5.0.1"

    def __init__(self, tto, options=""):
        self.tto, self.options, self.socket = tto, options, None

    def between(self, server):
        # Who finds nobody there tries again a second later.
        until(lambda: os.path.exists(self.socket) or server.has_ended(),
              "tto run does not listen")

    def ours(self, role, address, command):
        wire = f"memif:{self.socket},role={role}{self.options}"
        return [self.tto, "run", "--quiet", "--strict", "--wire", wire,
                "--address", f"{address}/24", "--", *command]

    def server(self, core, command):
        self.socket = f"{RUN}/memif-{next(NUMBERS)}"
        return super().server(core, self.ours("server", "10.5.0.1", command))

    def client(self, core, command):
        return super().client(core, self.ours("client", "10.5.0.2", command))


class Tap(Side):
    """tto run is in the one namespace; its device is put into the other one."""

    name, label, is_peer, address = "tap", "tto to kernel, TAP", False, "10.6.0.2"

    def __init__(self, tto, options=""):
        self.tto, self.options = tto, options

    def ours(self, command):
        return [self.tto, "run", "--quiet", "--strict", "--wire",
                f"tap:tto0{self.options}", "--address", "10.6.0.2/30", "--", *command]

    def server(self, core, command):
        return super().server(core, self.ours(
            ["sh", "-c", 'echo ready && exec "$0" "$@"', *command]))

    def between(self, server):
        here, there = self.spaces()
        # tto run has done with the device when its program runs.
        server.until("ready")
        run(f"ip -n {here} link set tto0 netns {there}")
        run(f"ip -n {there} addr add 10.6.0.1/30 dev tto0")
        run(f"ip -n {there} link set tto0 up")
        choose_cubic(there, "10.6.0.0/30 dev tto0 src 10.6.0.1")

    def end(self):
        until(lambda: not any(map(has_tap, self.spaces())), "tto0 is still there")


class TapOut(Tap):
    """The other way round, for a stream from tto: the kernel listens first."""

    name, label, address = "tap-out", "tto to kernel, TAP", "10.6.0.1"
    namespaces = ("both",)

    def connect(self):
        # The address is there before the device is.
        run(f"ip -n {self.spaces()[0]} addr add 10.6.0.1/32 dev lo")
        self.options += ",address=10.6.0.1/30,up"

    def server(self, core, command):
        return Side.server(self, core, command)

    def client(self, core, command):
        return Side.client(self, core, self.ours(command))

    def between(self, server):
        pass


def has_tap(namespace):
    return "tto0" in run(f"ip -n {namespace} -br link")
