#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What CPython's tests gave over the kernel's sockets and over tto's.

compare.py DIFFERENCES DIRECTORY unknown MODULE NAME
    Cases of NAME's results that differ, though they are not among the known differences,
    one a line.
compare.py DIFFERENCES DIRECTORY verdict MODULE LEAST MOST
    "ok MODULE ..." or "not ok MODULE" and why. LEAST: connections over tto; MOST: that the
    kernel accepted meanwhile.

In DIRECTORY are NAME.kernel.xml and NAME.tto.xml, and their .log, .tto and .snmp; those
of the second attempt are MODULE.again's.
"""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree


def read_results(path):
    """Case -> (ok, skipped or failed; why). None: there is no such file."""
    if not os.path.exists(path):
        return None
    results = {}
    for case in ElementTree.parse(path).iter("testcase"):
        outcome, why = "ok", ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, why = "failed", child.text or ""
            elif child.tag == "skipped" and outcome == "ok":
                outcome, why = "skipped", child.text or ""
        name = case.get("name").removeprefix("test.")
        # Parts of a case have its name, and count as one.
        if results.get(name, ("ok",))[0] != "failed":
            results[name] = (outcome, why)
    return results


def read_both(directory, name):
    return [read_results(f"{directory}/{name}.{side}.xml") for side in ("kernel", "tto")]


def outcome(results, case):
    return results[case][0] if results and case in results else "absent"


def differing(kernel, tto):
    """Case -> (over the kernel, over tto)"""
    cases = sorted(set(kernel or {}) | set(tto or {}))
    pairs = {case: (outcome(kernel, case), outcome(tto, case)) for case in cases}
    return {case: pair for case, pair in pairs.items() if pair[0] != pair[1]}


def read_known(path, module):
    """Lines "CASE KERNEL TTO", each with its reason in the lines before it."""
    known = {}
    with open(path) as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                case, kernel, tto = line.split()
                if case.startswith(module + "."):
                    known[case] = (kernel, tto)
    return known


def read_tail(path, n):
    with open(path) as lines:
        return ["    " + line.rstrip()[:200] for line in lines.readlines()[-n:]]


def made_connections(path):
    """Opened and accepted over tto, by all processes of the module."""
    with open(path) as file:
        stacks = json.load(file)
    return sum(stack["opened"] + stack["accepted"] for stack in stacks)


def kernels_connections(path):
    """Those that the kernel's TCP has accepted: /proc/net/snmp."""
    with open(path) as lines:
        names, values = [line.split() for line in lines if line.startswith("Tcp:")]
    return int(dict(zip(names, values))["PassiveOpens"])


def complaints_of_cases(directory, module, known):
    kernel, tto = read_both(directory, module)
    found = []
    for side, results in (("the kernel", kernel), ("tto", tto)):
        if not results:
            found.append(f"no results over {side}: it was ended, or nothing ran")
            suffix = "kernel" if side == "the kernel" else "tto"
            found += read_tail(f"{directory}/{module}.{suffix}.log", 12)
    if found:
        return found, 0, []
    first = differing(kernel, tto)
    again = read_both(directory, f"{module}.again")
    second = differing(*again) if again[1] else first
    once = []
    for case, pair in first.items():
        if known.get(case) == pair:
            continue
        if case not in second:
            once.append(case)
            continue
        found.append(f"{case}: {pair[0]} over the kernel, {pair[1]} over tto")
        found += ["    " + line for line in tto.get(case, ("", ""))[1].splitlines()[-8:]]
    for case, pair in known.items():
        if first.get(case) != pair:
            found.append(f"{case}: is among the differences, but did not differ so")
    return found, len(kernel), once


def give_verdict(directory, module, known, least, most):
    found, cases, once = complaints_of_cases(directory, module, known)
    tto = f"{directory}/{module}.tto"
    made = made_connections(f"{tto}.tto") if os.path.exists(f"{tto}.tto") else 0
    kernels = kernels_connections(f"{tto}.snmp")
    if made < least:
        found.append(f"{made} ends of connections over tto: fewer than {least}")
    if kernels > most:
        found.append(f"the kernel accepted {kernels} connections: more than {most}")
    print(f"{'not ok' if found else 'ok'} {module}")
    print(f"  {cases} cases, {len(known)} known to differ; {made} ends of connections "
          f"over tto, {kernels} accepted by the kernel")
    for case in once:
        print(f"  {case}: differed once, and not again")
    for line in found:
        print(f"  {line}")
    return 1 if found else 0


def main(differences, directory, what, module, *more):
    known = read_known(differences, module)
    if what == "verdict":
        return give_verdict(directory, module, known, int(more[0]), int(more[1]))
    kernel, tto = read_both(directory, more[0])
    if kernel and tto:
        for case, pair in differing(kernel, tto).items():
            if known.get(case) != pair:
                print(case.split()[0])
    return 0


sys.exit(main(*sys.argv[1:]))
