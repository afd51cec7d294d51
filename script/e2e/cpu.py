# SPDX-License-Identifier: BSD-2-Clause
"""cpu - CPU time of what is measured, in two ways

ours     what the scheduler says that the processes of both ends ran, user and system,
         with the softirqs that ran on top of them (that is where nearly all of a veth's
         and of a TAP's are), and the threads ksoftirqd
machine  what /proc/stat says that all cores were busy: also interrupts that came while
         a core was idle, and everybody else on the machine. Steal is not in it.
"""
import os

from space import OUTER

TICKS = os.sysconf("SC_CLK_TCK")


def processes():
    """All of the namespace but its first, which is this one."""
    return [p for p in os.listdir("/proc") if p.isdigit() and p != "1"]


def ran_s(folder):
    """What the threads of a process have run; 0 when it is gone."""
    total = 0
    try:
        for thread in os.listdir(f"{folder}/task"):
            with open(f"{folder}/task/{thread}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    except OSError:
        return 0
    return total / 1e9


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
        self.began = {}
        self.busy = 0.0

    def look(self):
        folders = [f"/proc/{p}" for p in processes()]
        folders += [f"{OUTER}/{p}" for p in self.SOFTIRQ]
        return {folder: ran_s(folder) for folder in folders}

    def begin(self):
        self.busy = busy_s()
        self.began = self.look()

    def end(self):
        """{"ours": s, "machine": s}"""
        ended = self.look()
        return {"ours": sum(ran - self.began.get(folder, 0)
                            for folder, ran in ended.items()),
                "machine": busy_s() - self.busy}
