# SPDX-License-Identifier: BSD-2-Clause
"""rows - What is measured, what is wanted of it, and how it is printed

A Row is one work over one side, on one core or two. Rows of the same work are a group,
whose runs take turns.
"""
import itertools
import json
import os
import statistics

from space import Missing
from work import Connect, Exchange, Nginx, Redis, Stream

# row, metric, "least" or "most", how much, times the median of that row (None: of 1)
TARGETS = (
    ("stream memif 2 cores", "Gbit/s", "least", 90, None),
    ("stream memif 2 cores", "CPU", "most", 0.13, None),
    ("stream memif 1 core", "CPU", "most", 0.13, None),
    ("stream tap-out 2 cores", "Gbit/s", "least", 40, None),
    ("ping-pong spinning memif 2 cores", "p50", "most", 1.5, None),
    ("ping-pong sleeping memif 2 cores", "p50", "most", 1,
     "ping-pong sleeping veth 2 cores"),
    ("ping-pong sleeping memif 1 core", "p50", "most", 1,
     "ping-pong sleeping veth 1 core"),
    ("redis GET c=1 P=1 memif 2 cores", "rate", "least", 3,
     "redis GET c=1 P=1 veth 2 cores"),
    ("redis GET c=20 P=1 memif 2 cores", "rate", "least", 3,
     "redis GET c=20 P=1 veth 2 cores"),
    ("redis GET c=50 P=1 memif 2 cores", "rate", "least", 3,
     "redis GET c=50 P=1 veth 2 cores"),
    ("nginx 1 KB memif 2 cores", "rate", "least", 2, "nginx 1 KB veth 2 cores"),
)
# A cache line there and back: below it the cores are near, above they are far.
NEAR_US = 0.2

CELL = 24               # columns of the table

ALL = ("veth", "loopback", "tap", "memif")
ONE_CORE = ("veth", "memif")


class Row:
    """Samples of a work over a side."""

    def __init__(self, group, work, side, n_cores):
        self.group, self.work, self.side_name = group, work, side
        self.name = f"{group} {side} {n_cores} core{'s' * (n_cores > 1)}"
        self.n_cores, self.cores, self.side = n_cores, None, None
        self.samples, self.probes, self.problem, self.missing = {}, [], None, False

    def add(self, probe, result):
        self.probes.append(probe)
        for metric, value in result.items():
            self.samples.setdefault(metric, []).append(value)

    def median(self, metric):
        values = self.samples.get(metric)
        return statistics.median(values) if values else None


def all_rows(traffic, seconds):
    """In the order in which they are measured and printed."""
    rows = []

    def add(group, work, two, one=ONE_CORE):
        rows.extend(Row(group, work, side, 2) for side in two)
        rows.extend(Row(group, work, side, 1) for side in one)

    stream = Stream(traffic, seconds)
    add("stream", stream, ("veth", "frames", "loopback", "tap", "tap-out", "memif"),
        ("veth", "frames", "loopback", "tap-out", "memif"))
    add("ping-pong spinning", Exchange(traffic, seconds, ("--spin",)), ALL, ())
    add("ping-pong sleeping", Exchange(traffic, seconds), ALL, ALL)
    add("ping-pong yielding", Exchange(traffic, seconds, ("--spin", "--yield")), (),
        ONE_CORE)
    for flight in (1, 32):
        add(f"connections {flight} at once", Connect(traffic, seconds, flight), ALL)
    for pipeline, clients in itertools.product((1, 16), (1, 20, 50)):
        add(f"redis GET c={clients} P={pipeline}",
            Redis(traffic, seconds, clients, pipeline),
            ALL if clients == 50 else ("veth", "tap", "memif"),
            ONE_CORE if clients == 50 else ())
    for name, size in (("1 KB", 1024), ("64 KB", 65536)):
        add(f"nginx {name}", Nginx(traffic, seconds, size), ALL, ONE_CORE)
    return rows


def is_wanted(row, only):
    return not only or any(text in row.name for text in only)


def groups(rows):
    return [list(group) for _, group in itertools.groupby(rows, lambda r: r.group)]


def start_sides(rows, sides):
    """Those that some row needs; and each row gets its side and its cores."""
    allowed = sorted(os.sched_getaffinity(0))
    for row in rows:
        row.side = sides[row.side_name]
        # The client has the first one, with most of the interrupts.
        row.cores = (allowed[-1], allowed[-1] if row.n_cores == 1 else allowed[0])
    for name in dict.fromkeys(row.side_name for row in rows):
        sides[name].start()


def leave_out(group):
    """Rows that cannot be measured here have a reason."""
    one_core = len(os.sched_getaffinity(0)) < 2
    for row in group:
        try:
            row.work.check()
            if row.n_cores > 1 and one_core:
                raise Missing("there is one core")
        except Missing as missing:
            row.problem, row.missing = str(missing), True


# ---- Result -----------------------------------------------------------------

def number(value):
    """Three digits that say something."""
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    if value >= 1e4:
        return f"{value / 1e3:.1f}k"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def cell(values):
    if not values:
        return ""
    return (f"{number(statistics.median(values))} "
            f"({number(min(values))}..{number(max(values))})")


class Target:
    """One of TARGETS, beside what was measured."""

    def __init__(self, rows, row, metric, way, limit, of):
        base = next((r for r in rows if r.name == of), None)
        self.row, self.metric, self.is_least = row, metric, way == "least"
        self.factor, self.of = limit, of
        self.value = row.median(metric)
        if base:
            self.value = ratio(self.value, base.median(metric))
        elif of:
            self.value = None
        self.is_met = self.value is not None and (
            self.value >= limit if self.is_least else self.value <= limit)

    def __str__(self):
        if self.value is None:
            return ""
        sign = ">=" if self.is_least else "<="
        times = " times the peer's" if self.of else ""
        return (f"{self.metric} {sign} {self.factor:g}{times}: "
                f"{'met' if self.is_met else 'missed'} ({self.value:.3g})")


def ratio(value, base):
    return value / base if value is not None and base else None


class Machine:
    """What all rows depend on: how fast it copies. A line, and rows."""

    KINDS = (("near", "within its caches"), ("far", "beyond them"),
             ("across", "what another has written"))

    def __init__(self, copies):
        """@copies: what traffic machine says"""
        self.copies = {kind: copies[f"copy_{kind}_gb_s"] for kind, _ in self.KINDS
                       if f"copy_{kind}_gb_s" in copies}

    @staticmethod
    def model():
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            names = [line.partition(":")[2].strip() for line in f
                     if line.startswith(("model name", "Model"))]
        return names[0] if names else os.uname().machine

    def __str__(self):
        copies = ", ".join(f"{self.copies[kind]:.1f} {what}" for kind, what in self.KINDS
                           if kind in self.copies)
        return (f"{self.model()}, {len(os.sched_getaffinity(0))} cores, "
                f"Linux {os.uname().release}\nA core copies, in GB/s: {copies}.")

    def json_rows(self):
        for kind, rate in self.copies.items():
            yield {"name": f"machine copy {kind}", "value": rate, "unit": "GB/s",
                   "low": rate, "high": rate, "runs": 1}


class Report:
    """Prints groups as they are done; the rows as JSON in the end."""

    def __init__(self, rows, machine, options):
        self.rows, self.machine, self.options = rows, machine, options
        self.done = []
        if not options.json:
            print(machine, flush=True)

    def times_veth(self, row):
        """Its first metric in terms of the kernel's over veth, on as many cores."""
        base = next((r for r in self.rows if r.name == row.name.replace(
            f" {row.side_name} ", " veth ")), None)
        metric = row.work.metrics[0][0]
        return ratio(row.median(metric), base.median(metric)) if base else None

    def targets_of(self, row):
        return [t for t in (Target(self.rows, row, *target[1:]) for target in TARGETS
                            if target[0] == row.name) if t.value is not None]

    def print_group(self, group):
        self.done += group
        if self.options.json:
            return
        metrics = group[0].work.metrics
        print(f"\n{group[0].group:24} " + " ".join(
            f"{name + ' ' + unit if name != unit else name:>{CELL}}"
            for name, unit in metrics) + "  x veth  others    probe us")
        for row in group:
            self.print_row(row, metrics)

    def print_row(self, row, metrics):
        label = f"{'peer' if row.side.is_peer else 'ours'}  {row.name[len(row.group) + 1:]}"
        if row.problem:
            print(f"  {label:22} {row.problem}", flush=True)
            return
        cells = " ".join(f"{cell(row.samples[name]):>{CELL}}" for name, _ in metrics)
        times = self.times_veth(row)
        times = f"{times:6.2f}" if times is not None else " " * 6
        others = statistics.median(row.samples["others"])
        print(f"  {label:22} {cells}  {times}  {others:6.2f}    {self.probe(row)}".rstrip())
        for target in self.targets_of(row):
            print(f"        {target}")

    @staticmethod
    def probe(row):
        probes = [p for p in row.probes if p is not None]
        if not probes:
            return ""
        middle = statistics.median(probes)
        return f"{cell(probes)} {'near' if middle < NEAR_US else 'far'}"

    def json_rows(self):
        for row in self.done:
            if row.problem:
                yield {"name": row.name, "problem": row.problem}
                continue
            for metric, unit in row.work.metrics:
                values = row.samples[metric]
                found = {"name": f"{row.name} {metric}" if metric != unit else row.name,
                         "value": statistics.median(values), "unit": unit,
                         "low": min(values), "high": max(values), "runs": len(values),
                         "peer": row.side.is_peer,
                         "others_cores": statistics.median(row.samples["others"])}
                if metric == row.work.metrics[0][0] and self.times_veth(row) is not None:
                    found["times_veth"] = self.times_veth(row)
                if row.n_cores > 1:
                    found["probe_us"] = statistics.median(row.probes)
                targets = [t for t in self.targets_of(row) if t.metric == metric]
                if targets:
                    found["target"] = str(targets[0])
                    found["target_met"] = targets[0].is_met
                yield found

    def finish(self):
        """Prints what is left. Return: exit status."""
        rows = [*self.machine.json_rows(), *self.json_rows()]
        if self.options.json:
            print(json.dumps(rows, indent=2))
        else:
            self.summarise()
        if self.options.output:
            with open(self.options.output, "w", encoding="utf-8") as f:
                json.dump(rows, f, indent=2)
        return 1 if any(r.problem and not r.missing for r in self.done) else 0

    def summarise(self):
        targets = [t for row in self.done if not row.problem for t in self.targets_of(row)]
        print(f"\nMedian (lowest..highest) of {self.options.runs} runs in turns of "
              f"{self.options.seconds:g} s, CUBIC. CPU: both ends' processes\nand "
              "ksoftirqd; machine: all that /proc/stat says, also of others; others: cores "
              "that were\nbusy with something else; x veth: the first figure, in terms of veth's on "
              "as many cores.\nLatencies of ping-pong are one way.")
        if targets:
            print(f"targets: {sum(t.is_met for t in targets)} of {len(targets)} met")
