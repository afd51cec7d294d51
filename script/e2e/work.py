# SPDX-License-Identifier: BSD-2-Clause
"""work - What the two ends do: a run of each gives numbers, by name

A Work starts a server and a client on the ends of a Side, each on a core of its own or
both on one, and looks at the clocks of all processes while they are at it.
"""
import csv
import os

from cpu import Meter
from space import RUN, Failure, Process, need

GB = 1e9
BROKEN_S = 20


def run_ends(side, server, client, body):
    """body(server process, client process), and both have ended after."""
    started = []
    try:
        started.append(Process(server, "server"))
        side.between(started[0])
        started.append(Process(client, "client"))
        return body(*started)
    except Failure as failure:
        # Who has ended knows more about it than who waits.
        server = started[0].popen.poll() if started else None
        if server and "server" not in str(failure):
            started[0].fail()
        raise
    finally:
        for process in reversed(started):
            process.end()
        side.end()


def metered(process, seconds, side):
    """({what is in its line of JSON}, CPU) of who says begin and end."""
    meter = Meter()
    process.until("begin", BROKEN_S)
    meter.begin()
    process.until("end", seconds + BROKEN_S)
    spent = meter.end()
    result = process.result()
    if side.is_peer and result.get("congestion") != "cubic":
        raise Failure(f"congestion control is {result.get('congestion')!r}, not cubic")
    return result, spent


class Work:
    """run(side, cores) gives {metric: value}; METRICS are those that make rows."""

    name = ""
    metrics = ()
    warm = 0.1          # seconds that do not count

    def __init__(self, traffic, seconds):
        self.traffic, self.seconds = traffic, seconds

    def check(self):
        """Raises Missing if something is not installed."""

    def command(self, verb, side, *options):
        return [self.traffic, verb, "--seconds", str(self.seconds), "--warm",
                str(self.warm), *options, side.address, "7000"]


class Stream(Work):
    name = "stream"
    warm = 0.2          # windows and buffers grow
    metrics = (("Gbit/s", "Gbit/s"), ("CPU", "s/GB"), ("machine", "s/GB"))

    def run(self, side, cores):
        def body(server, _):
            result, spent = metered(server, self.seconds, side)
            gigabytes = result["bytes"] / GB
            return spent | {"Gbit/s": gigabytes * 8 / result["seconds"],
                    "CPU": spent["ours"] / gigabytes,
                    "machine": spent["machine"] / gigabytes}

        return run_ends(side, side.server(cores[0], self.command("receive", side)),
                        side.client(cores[1], self.command("send", side)), body)


class Exchange(Work):
    name = "ping-pong"
    metrics = (("p50", "us"), ("p99", "us"))

    def __init__(self, traffic, seconds, options=()):
        super().__init__(traffic, seconds)
        self.options = options

    def run(self, side, cores):
        def body(_, client):
            result, spent = metered(client, self.seconds, side)
            return spent | {"p50": result["p50_us"], "p99": result["p99_us"]}

        return run_ends(
            side, side.server(cores[0], self.command("answer", side, *self.options)),
            side.client(cores[1], self.command("ask", side, *self.options)), body)


class Connect(Work):
    name = "connections"
    metrics = (("rate", "1/s"), ("CPU", "us each"))

    def __init__(self, traffic, seconds, flight):
        super().__init__(traffic, seconds)
        self.flight = flight

    def run(self, side, cores):
        def body(_, client):
            result, spent = metered(client, self.seconds, side)
            return spent | {"rate": result["count"] / result["seconds"],
                    "CPU": spent["ours"] * 1e6 / max(1, result["count"])}

        return run_ends(
            side, side.server(cores[0], self.command("accept", side)),
            side.client(cores[1], self.command("connect", side, "--flight",
                                               str(self.flight))), body)


class Program(Work):
    """A client that measures itself, when its server is there; its CPU time from then."""

    metrics = (("rate", "1/s"), ("p50", "us"), ("p99", "us"), ("CPU", "us each"))
    port = 0

    def client_command(self, side):
        raise NotImplementedError

    def server_command(self, side):
        raise NotImplementedError

    def first(self, _):
        """What the client's shell does before."""
        return "true"

    def take(self, line, found):
        """Adds what a line says. Return: was it the last that says something?"""
        raise NotImplementedError

    def count(self, _, found):
        """Requests that were made."""
        return max(1, found["count"])

    def listen(self, process):
        """What the client says, until it has said all."""
        found = {}
        while (line := process.line(self.seconds * 10 + BROKEN_S)) is not None:
            if self.take(line, found):
                return found
        process.fail()
        return None

    def run(self, side, cores):
        # The shell says when it begins; its process becomes the client.
        script = f'"$0" wait {side.address} {self.port} && {self.first(side)} && ' \
            'echo begin && exec "$@"'
        client = ["sh", "-c", script, self.traffic, *self.client_command(side)]

        def body(_, process):
            meter = Meter()
            process.until("begin", BROKEN_S)
            meter.begin()
            found = self.listen(process)
            spent = meter.end()
            found["CPU"] = spent["ours"] * 1e6 / self.count(side, found)
            return spent | found

        return run_ends(side, side.server(cores[0], self.server_command(side)),
                        side.client(cores[1], client), body)


class Redis(Program):
    name = "redis GET"
    port = 7001
    FIRST = 4000            # requests of the run that tells how many take --seconds

    def __init__(self, traffic, seconds, clients, pipeline):
        super().__init__(traffic, seconds)
        self.clients, self.pipeline = clients, pipeline
        self.numbers = {}

    def check(self):
        need("redis-server")
        need("redis-benchmark")

    def server_command(self, side):
        return ["redis-server", "--bind", side.address, "--port", str(self.port),
                "--save", "", "--dir", RUN, "--protected-mode", "no", "--daemonize", "no",
                "--loglevel", "warning"]

    def count(self, side, _):
        return self.numbers.get(side.name, self.FIRST * self.pipeline)

    def first(self, side):
        """The key of all its requests gets a value of 64 bytes."""
        return f"redis-benchmark -h {side.address} -p {self.port} -t set -d 64 -c 1 -n 1" \
            " -q >/dev/null"

    def client_command(self, side):
        return ["redis-benchmark", "-h", side.address, "-p", str(self.port), "-t", "get",
                "-c", str(self.clients), "-P", str(self.pipeline),
                "-n", str(self.count(side, None)), "--csv"]

    def take(self, line, found):
        if not line.startswith('"GET",'):
            return False
        _, rate, _, _, p50, _, p99, _ = next(csv.reader([line]))
        found.update(rate=float(rate), p50=float(p50) * 1000, p99=float(p99) * 1000)
        return True

    def run(self, side, cores):
        if side.name not in self.numbers:
            rate = super().run(side, cores)["rate"]
            self.numbers[side.name] = max(1000, int(rate * self.seconds))
        return super().run(side, cores)


class Nginx(Program):
    name = "nginx"
    port = 7002

    def __init__(self, traffic, seconds, size, connections=64):
        # wrk knows whole seconds only.
        super().__init__(traffic, max(1, round(seconds)))
        self.size, self.connections = size, connections

    def check(self):
        need("nginx")
        need("wrk")

    def write_files(self, side):
        folder = f"{RUN}/nginx"
        os.makedirs(f"{folder}/files", exist_ok=True)
        with open(f"{folder}/files/{self.size}", "wb") as f:
            f.write(bytes(self.size))
        paths = "".join(f"{what}_temp_path {folder};" for what in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{folder}/conf", "w", encoding="ascii") as f:
            f.write(f"daemon off; master_process off; pid {folder}/pid; user root;"
                    "error_log stderr; events { worker_connections 512; }"
                    "http { access_log off; sendfile off; keepalive_requests 100000000;"
                    f"tcp_nodelay on; {paths} open_file_cache max=10; output_buffers 1 256k;"
                    f"server {{ listen {side.address}:{self.port}; root {folder}/files; }} }}")
        return folder

    def server_command(self, side):
        folder = self.write_files(side)
        return ["nginx", "-p", folder, "-c", f"{folder}/conf", "-e", "stderr"]

    def client_command(self, side):
        return ["wrk", "-t", "1", "-c", str(self.connections), "-d", str(self.seconds),
                "--latency", f"http://{side.address}:{self.port}/{self.size}"]

    def take(self, line, found):
        words = line.split()
        if words[:1] == ["Requests/sec:"]:
            found["rate"] = float(words[1])
        elif words[:1] in (["50%"], ["99%"]):
            found["p" + words[0][:2]] = microseconds(words[1])
        elif words[1:3] == ["requests", "in"]:
            found["count"] = int(words[0])
        elif words[:1] in (["Socket"], ["Non-2xx"]):
            raise Failure("wrk: " + " ".join(words))
        return words[:1] == ["Transfer/sec:"]

    def run(self, side, cores):
        """Of the files' bytes as well."""
        found = super().run(side, cores)
        found["Gbit/s"] = found["rate"] * self.size * 8 / 1e9
        found["CPU s/GB"] = found["CPU"] * 1e3 / self.size
        return found


def microseconds(text):
    for unit, factor in (("us", 1), ("ms", 1e3), ("s", 1e6)):
        if text.endswith(unit):
            return float(text[:-len(unit)]) * factor
    raise Failure(f"wrk: {text}: no time")
