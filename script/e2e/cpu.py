# SPDX-License-Identifier: BSD-2-Clause
"""cpu - CPU time of what is measured, in two ways

ours     what the scheduler says that the processes of both ends ran, user and system,
         with the softirqs that ran on top of them (that is where nearly all of a veth's
         and of a TAP's are), and the threads ksoftirqd
machine  what /proc/stat says that all cores were busy: also interrupts that came while
         a core was idle, and everybody else on the machine. Steal is not in it.
others   the difference, in cores: what else went on
"""
import os
import time

from space import OUTER

LOOKS = 5
TICKS = os.sysconf("SC_CLK_TCK")


def processes():
    """All of the namespace but its first, which is this one."""
    return [p for p in os.listdir("/proc") if p.isdigit() and p != "1"]


def ran_s(folder):
    """What the threads of a process have run, and its children that it has buried."""
    total = 0
    try:
        for thread in os.listdir(f"{folder}/task"):
            with open(f"{folder}/task/{thread}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0]) / 1e9
        with open(f"{folder}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return total + (int(fields[13]) + int(fields[14])) / TICKS


def softirq_threads():
    found = []
    for pid in filter(str.isdigit, os.listdir(OUTER)):
        try:
            with open(f"{OUTER}/{pid}/comm", encoding="utf-8") as f:
                if f.read().startswith("ksoftirqd/"):
                    found.append(pid)
        except OSError:
            pass
    return found


def busy_s():
    with open(f"{OUTER}/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


class Meter:
    """Between begin() and end()."""

    SOFTIRQ = None

    def __init__(self):
        if Meter.SOFTIRQ is None:
            Meter.SOFTIRQ = softirq_threads()
        self.clock = self.began = self.busy = 0.0

    def look(self):
        softirq = sum(ran_s(f"{OUTER}/{p}") for p in self.SOFTIRQ)
        # Of a process that ends meanwhile neither it nor its parent may have told.
        for _ in range(LOOKS):
            before = processes()
            ran = sum(ran_s(f"/proc/{p}") for p in before)
            if processes() == before:
                break
        return ran + softirq

    def begin(self):
        self.clock, self.busy, self.began = time.monotonic(), busy_s(), self.look()

    def end(self):
        """{"ours": s, "machine": s, "others": cores}"""
        ours, busy = self.look() - self.began, busy_s() - self.busy
        others = (busy - ours) / (time.monotonic() - self.clock)
        return {"ours": ours, "machine": busy, "others": max(0.0, others)}
