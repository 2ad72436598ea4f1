"""Count the packets that come in, and let all of them pass: xdp_pass.py INTERFACE [SECONDS]"""

from __future__ import annotations

import sys
import time

import pybpf
from pybpf.lang import *

count = HashMap(u64, u64, 1)


@program("xdp")
def count_and_pass(packet: Xdp) -> int:
    """One more under key 0, which the first packet makes."""
    count.update_if(0, 0, UpdatePolicy.NOEXIST)
    if (packets := count.lookup(0)) is not None:
        packets.add_atomic("value", 1)
    return XdpAction.PASS


def main(interface: str, seconds: str = "10") -> None:
    """Count for some seconds, then print."""
    place = pybpf.Interface.named(interface)
    with pybpf.load(pybpf.compile_programs(count_and_pass).elf) as loaded:
        with pybpf.attach(loaded, "count_and_pass", place):
            time.sleep(float(seconds))
        found = loaded.maps["count"].lookup(bytes(8)) or bytes(8)
    print(f"{int.from_bytes(found, 'little')} packets", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
