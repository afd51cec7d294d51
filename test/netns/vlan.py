#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""vlan - Tagged frames through the bridge, seen at both ends

    vlan.py TITLE CLIENT-NAMESPACE CLIENT-INTERFACE HOST-INTERFACE

For tags of each kind: segments from the client must reach the host joined and
with their tags; a unit from the host must reach the client cut, with its tags and
right checksums; a datagram must pass unchanged. Prints a line for each case.
"""
import ctypes
import os
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 8, 15, 23
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
CLONE_NEWNET = 0x40000000
NEEDS_CSUM, GSO_TCPV4 = 1, 1
SEGMENT, COUNT = 1000, 8
MACS = bytes.fromhex("02aaaaaaaaaa02bbbbbbbbbb")
SOURCE, DESTINATION = bytes([10, 1, 1, 1]), bytes([10, 1, 1, 2])
TAGS = {
    "802.1Q": [(0x8100, 0x6005)],
    "802.1ad": [(0x88a8, 0x0064)],
    "QinQ": [(0x88a8, 0x0064), (0x8100, 0x6005)],
    "two of 802.1Q": [(0x8100, 0x0007), (0x8100, 0x6005)],
}


def total(data, start=0):
    data += b"\0" * (len(data) % 2)
    s = start + sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s


def pseudo(protocol, length):
    return total(SOURCE + DESTINATION + struct.pack("!HH", protocol, length))


def frame(tags, protocol, body):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0x4000, 64,
                     protocol, 0, SOURCE, DESTINATION)
    ip = ip[:10] + struct.pack("!H", total(ip) ^ 0xffff) + ip[12:]
    link = MACS + b"".join(struct.pack("!HH", *t) for t in tags) + b"\x08\x00"
    return link + ip + body


def tcp(seq, payload, last, finish=True):
    head = struct.pack("!HHIIBBHHH", 1111, 2222, seq % 2**32, 1, 0x50,
                       0x18 if last else 0x10, 500, 0, 0)
    s = pseudo(6, 20 + len(payload))
    if finish:
        s = total(head + payload, s) ^ 0xffff
    return head[:16] + struct.pack("!H", s) + head[18:] + payload


def packet_socket(interface, header=False):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    if header:
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.bind((interface, ETH_P_ALL))
    s.settimeout(2)
    return s


def receive(s, head_bytes):
    """A frame of ours with its tag put back, and the bytes before it."""
    while True:
        data, extra, _, _ = s.recvmsg(70000, 200)
        head, data = data[:head_bytes], data[head_bytes:]
        for level, kind, value in extra:
            if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                continue
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value)
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
        if data[:12] == MACS:
            return data, head


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, not {wanted!r}")


def to_host(client, host, tags, payload, seq):
    for n in range(COUNT):
        part = payload[n * SEGMENT:(n + 1) * SEGMENT]
        client.send(frame(tags, 6, tcp(seq + n * SEGMENT, part, n == COUNT - 1)))
    got, head = receive(host, 10)
    link = len(MACS) + 4 * len(tags) + 2
    expect("link header", got[:link], frame(tags, 6, b"")[:link])
    expect("bytes of IP", struct.unpack("!H", got[link + 2:link + 4])[0],
           40 + len(payload))
    expect("payload", got[link + 40:], payload)
    # RX-6. The kernel's own header does not count the tag that it took out.
    flags, gso_type, _, gso_size, _, offset = struct.unpack("=BBHHHH", head)
    expect("offload header", (flags, gso_type, gso_size, offset),
           (NEEDS_CSUM, GSO_TCPV4, SEGMENT, 16))


def to_wire(client, host, tags, payload, seq):
    unit = frame(tags, 6, tcp(seq, payload, True, finish=False))
    link = len(MACS) + 4 * len(tags) + 2
    host.send(struct.pack("=BBHHHH", NEEDS_CSUM, GSO_TCPV4, link + 40, SEGMENT,
                          link + 20, 16) + unit)
    for n in range(COUNT):
        got, _ = receive(client, 0)
        part = payload[n * SEGMENT:(n + 1) * SEGMENT]
        expect("link header", got[:link], unit[:link])
        expect("IP checksum", total(got[link:link + 20]), 0xffff)
        wanted = tcp(seq + n * SEGMENT, part, n == COUNT - 1)
        expect("TCP", got[link + 20:], wanted)


def datagram(client, host, tags, payload):
    udp = struct.pack("!HHHH", 5, 6, 8 + 100, 0) + payload[:100]
    sent = frame(tags, 17, udp)
    client.send(sent)
    expect("to the host", receive(host, 10)[0], sent)
    host.send(bytes(10) + sent)
    expect("to the wire", receive(client, 0)[0], sent)


def main():
    label, namespace, client_interface, host_interface = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    host = packet_socket(host_interface, header=True)
    with open(f"/run/netns/{namespace}", "rb") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            sys.exit(os.strerror(ctypes.get_errno()))
    client = packet_socket(client_interface)
    failed = False
    payload = bytes(range(251)) * 40
    payload = payload[:SEGMENT * COUNT]
    seq = 2**32 - SEGMENT - 5        # its end is behind the wrap
    for name, tags in TAGS.items():
        for case in to_host, to_wire, datagram:
            title = f"rx_16 {label}: {name} {case.__name__.replace('_', ' ')}"
            try:
                case(client, host, tags, payload,
                     *[seq] * (case is not datagram))
                print(f"ok {title}")
            except (AssertionError, OSError) as error:
                print(f"not ok {title}\n  {error}"[:400])
                failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
