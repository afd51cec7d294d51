#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""capture_check - What tshark reads in a file of tto capture, for capture_test

capture_check FILE CASE [ARGUMENTS]: exit status 0, or why not.
"""
import re
import struct
import subprocess
import sys

FIELDS = ["frame.interface_name", "frame.len", "frame.cap_len", "tcp.len", "tcp.flags.syn",
          "frame.comment", "_ws.malformed", "tcp.srcport", "tcp.dstport", "tcp.seq_raw",
          "eth.type", "frame.packet_flags_direction", "ipv6.src"]


def read(path):
    """A dictionary for each packet."""
    command = ["tshark", "-r", path, "-o", "tcp.analyze_sequence_numbers:false", "-T",
               "fields"]
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    packets = [dict(zip(FIELDS, line.split("\t"))) for line in out.splitlines()]
    assert packets, "no packet at all"
    bad = [p for p in packets if p["_ws.malformed"]]
    assert not bad, f"malformed: {bad[0]}"
    return packets


def at(packets, point):
    return [p for p in packets if p["frame.interface_name"] == point]


def is_tcp(p):
    return p["tcp.len"] != ""


def payload(packets):
    """Bytes of the stream, in the order of their numbers, each once."""
    spans = sorted((int(p["tcp.seq_raw"]), int(p["tcp.len"])) for p in packets
                   if is_tcp(p) and int(p["tcp.len"]))
    total, end = 0, -1
    for start, n in spans:
        total += max(0, start + n - max(start, end))
        end = max(end, start + n)
    return total


def statistics(path):
    """Of each interface: its name, frames in the file, and the options of its block."""
    data = open(path, "rb").read()
    names, counts, got, place = [], [], {}, 0
    while place < len(data):
        kind, size = struct.unpack_from("=II", data, place)
        body = data[place + 8:place + size - 4]
        if kind == 1:
            code, n = struct.unpack_from("=HH", body, 8)
            names.append(body[12:12 + n].decode() if code == 2 else "")
            counts.append(0)
        elif kind == 6:
            counts[struct.unpack_from("=I", body)[0]] += 1
        elif kind == 5:
            options, where = {}, 12
            while where + 4 <= len(body):
                code, n = struct.unpack_from("=HH", body, where)
                if code == 0:
                    break
                options[code] = body[where + 4:where + 4 + n]
                where += 4 + (n + 3) // 4 * 4
            idx = struct.unpack_from("=I", body)[0]
            got[idx] = [struct.unpack("=Q", options[n])[0] for n in (4, 5)]
        place += size
    assert sorted(got) == list(range(len(names))), f"statistics of {sorted(got)} of {names}"
    return {name: (counts[n], *got[n]) for n, name in enumerate(names)}


def adds_up(path):
    for name, (written, received, dropped) in statistics(path).items():
        print(name, written, received, dropped)
        assert written == received - dropped, name


def whole(path, port, n):
    """Both ways, on the wire and at TCP, the same bytes; @n came from @port."""
    packets = [p for p in read(path) if is_tcp(p) and port in (p["tcp.srcport"],
                                                              p["tcp.dstport"])]
    for one, other in ("wire-rx", "host-rx"), ("wire-tx", "host-tx"):
        for source in True, False:
            sums = [payload([p for p in at(packets, point)
                             if (p["tcp.srcport"] == port) == source])
                    for point in (one, other)]
            print(one, other, sums)
            assert sums[0] == sums[1]
    got = payload([p for p in at(packets, "wire-rx") if p["tcp.srcport"] == port])
    assert got >= int(n), f"{got} bytes"
    assert {p["frame.packet_flags_direction"] for p in at(packets, "host-tx")} == \
        {"0x00000002"}


def joined_rx(path):
    """Frames of 1500 bytes on the wire; each of them is in one packet for TCP."""
    packets = read(path)
    frames = [p for p in at(packets, "wire-rx") if is_tcp(p)]
    ups = at(packets, "host-rx")
    assert max(int(p["frame.len"]) for p in frames) <= 1514
    n, most = 0, 0
    for p in ups:
        found = re.match(r"tto: joined (\d+) frames, gso_size \d+, id \w+; [\w-]+: \w",
                         p["frame.comment"])
        k = int(found[1]) if found else 1
        assert found or re.match(r"tto: as it came; [\w-]+: \w", p["frame.comment"]), p
        assert not found or k > 1, p
        n += k
        most = max(most, int(p["frame.len"]))
    print(len(frames), "frames,", len(ups), "packets of", n, "frames, largest", most)
    assert n == len(frames)
    assert len(ups) < len(frames) / 2 and most > 3000


def cut_tx(path):
    """Units of TCP, each cut into frames of 1500 bytes with a checksum that is right."""
    packets = read(path)
    units, frames = at(packets, "host-tx"), at(packets, "wire-tx")
    large = [p for p in units if re.match("tto: a unit, to be cut at 14[0-9]{2};",
                                          p["frame.comment"])]
    most = max(int(p["frame.len"]) for p in frames)
    print(len(units), "units,", len(large), "large,", len(frames), "frames of", most)
    assert large and all(int(p["tcp.len"]) > 1448 for p in large)
    assert most <= 1514 and len(frames) > 2 * len(units)
    out = subprocess.run(["tshark", "-r", path, "-o", "tcp.check_checksum:TRUE", "-Y",
                          'tcp && frame.interface_name == "wire-tx" && '
                          "tcp.checksum.status != 1"], capture_output=True, text=True,
                         check=True).stdout
    assert not out, out


def only(path, port, n):
    packets = read(path)
    assert all(port in (p["tcp.srcport"], p["tcp.dstport"]) for p in packets)
    assert len(packets) == int(n), len(packets)


def first(path, point, n, snap):
    packets = read(path)
    assert len(packets) == int(n), len(packets)
    assert all(p["frame.interface_name"] == point for p in packets)
    assert all(int(p["frame.cap_len"]) <= int(snap) for p in packets)
    assert any(int(p["frame.len"]) > int(snap) for p in packets)


def has_arp_and_ipv6(path):
    packets = read(path)
    for point in "wire-rx", "wire-tx":
        assert any(p["eth.type"] == "0x0806" for p in at(packets, point)), f"ARP, {point}"
        assert any(p["ipv6.src"] and is_tcp(p) for p in at(packets, point)), f"v6, {point}"
    assert not [p for p in at(packets, "host-rx") if p["eth.type"] == "0x0806"]


if __name__ == "__main__":
    globals()[sys.argv[2]](sys.argv[1], *sys.argv[3:])
