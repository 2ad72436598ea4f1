"""XDP: count packets by protocol, and let no IPv4 source send more than so many a second.

rate_limiter.py INTERFACE [PACKETS-PER-SECOND [SECONDS-TO-RUN]]
"""

from __future__ import annotations

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

class Window(Struct):
    began_ns: u64
    packets: u64

limit = constant(u32, 1000)  # packets a second, set when loading
windows = LruHashMap(u32, Window, 65536)
by_protocol = ArrayMap(u64, 256)

@program("xdp")
def rate_limit(packet: Xdp) -> int:
    """Drop what a source sends beyond its share of this second."""
    ip = packet.header(Frame, 0)
    if ip is None or ip.kind != 0x0800:
        return XdpAction.PASS
    if (count := by_protocol.lookup(ip.protocol)) is not None:
        count.add_atomic("value", 1)
    window = windows.lookup(ip.source)
    if window is not None and ktime_ns() - window.began_ns < 1_000_000_000:
        return XdpAction.PASS if window.fetch_add("packets", 1) < limit.value else XdpAction.DROP
    fresh = Window()
    fresh.began_ns = ktime_ns()
    fresh.packets = 1
    windows.update(ip.source, fresh)
    return XdpAction.PASS

def main(interface: str, per_second: str = "1000", seconds: str = "3600") -> None:
    """Attach, and print the counts every second."""
    built, place = pybpf.compile_programs(rate_limit), pybpf.Interface.named(interface)
    with pybpf.load(built.elf, constants={"limit": int(per_second)}) as loaded, pybpf.attach(loaded, "rate_limit", place):
        for _ in range(int(seconds)):
            time.sleep(1)
            print({key[0]: int.from_bytes(value, "little") for key, value in loaded.maps["by_protocol"].items() if any(value)}, flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
