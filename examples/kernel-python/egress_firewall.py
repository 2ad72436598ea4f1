"""tc: let packets out only to the networks given.

egress_firewall.py INTERFACE SECONDS-TO-RUN 10.0.0.0/8 192.0.2.7/32 ...
"""

from __future__ import annotations

import ipaddress
import struct
import sys
import time

import pybpf
from pybpf.lang import *


class Frame(Struct, packed=True):
    addresses_high: u64
    addresses_low: u32
    kind: be16
    before: u64
    hops: u8
    protocol: u8
    checksum: be16
    source: be32
    destination: be32

class Network(Struct):
    prefix_bits: u32
    address: be32

allowed = LpmTrie(Network, u32, 1024)
refused = variable(u64)

@program("tcx/egress")
def only_to_known_networks(packet: Skb) -> int:
    """Everything that is not IPv4 goes out; IPv4 goes to networks in `allowed`."""
    ip = packet.header(Frame, 0)
    if ip is not None and ip.kind != 0x0800:
        return Action.OK
    network = Network()
    network.prefix_bits = 32
    network.address = ip.destination if ip is not None else 0
    if ip is not None and allowed.lookup(network) is not None:
        return Action.OK
    refused.add_atomic("value", 1)
    return Action.SHOT

def main(interface: str, seconds: str, *networks: str) -> None:
    """Attach for some seconds, then say how many packets were refused."""
    with pybpf.load(pybpf.compile_programs(only_to_known_networks).elf) as loaded:
        for network in map(ipaddress.IPv4Network, networks):
            loaded.maps["allowed"].update(struct.pack("<I", network.prefixlen) + network.network_address.packed, bytes(4))
        with pybpf.attach(loaded, "only_to_known_networks", pybpf.Interface.named(interface)):
            time.sleep(float(seconds))
        print(f"{loaded.variables['refused'].value} packets refused", flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
