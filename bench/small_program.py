"""A program of fifty lines, as people write them: what compiling a program costs is measured on it."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, HashMap, Skb, Struct, be16, be32, function, program, u8, u16, u32, u64

IPV4: Final = 0x0800
TCP: Final = 6


class Ethernet(Struct, packed=True):
    destination_high: be32
    destination_low: be16
    source_high: be32
    source_low: be16
    kind: be16


class Ipv4(Struct, packed=True):
    version_and_words: u8
    service: u8
    total_bytes: be16
    identification: be16
    fragment: be16
    hops: u8
    protocol: u8
    checksum: be16
    source: be32
    destination: be32


class Flow(Struct):
    packets: u64
    octets: u64


flows = HashMap(be32, Flow, 1024)


@function
def count(address: u32, octets: u16) -> None:
    """One more packet from an address."""
    flow = flows.lookup(address)
    if flow is None:
        fresh = Flow()
        fresh.packets = 1
        fresh.octets = octets
        flows.update(address, fresh)
        return
    flow.add_atomic("packets", 1)
    flow.add_atomic("octets", octets)


@program("tc")
def flows_by_port(packet: Skb) -> int:
    """Count TCP packets by source, and drop those that have expired."""
    ethernet = packet.header(Ethernet, 0)
    if ethernet is None or ethernet.kind != IPV4:
        return Action.OK
    ip = packet.header(Ipv4, 14)
    if ip is None or ip.protocol != TCP or (ip.fragment & 0x1FFF) != 0:
        return Action.OK
    if ip.hops <= 1 and ip.source != ip.destination:
        return Action.SHOT
    words = ip.version_and_words & 0x0F
    for index in range(2):
        if words < 5 + index:
            return Action.SHOT
    count(ip.source, ip.total_bytes)
    return Action.OK
