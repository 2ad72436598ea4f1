"""cgroup/connect4: processes of a control group that connect to one address reach another one.

connect_redirector.py CGROUP-FOLDER FROM-IP:PORT TO-IP:PORT [SECONDS-TO-RUN]
"""

from __future__ import annotations

import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pybpf
from pybpf.lang import *

from_address = constant(u32)
from_port = constant(u16)
to_address = constant(u32)
to_port = constant(u16)
redirected = variable(u64)

@program("cgroup/connect4")
def redirect_connect(address: SockAddr) -> int:
    """Rewrite the destination before the connection is made; 1 lets it go on."""
    if address.ip4 == from_address.value and address.port == from_port.value:
        address.ip4 = to_address.value
        address.port = to_port.value
        redirected.add_atomic("value", 1)
    return 1

def place(text: str) -> tuple[int, int]:
    """(address, port) of 127.0.0.1:80."""
    address, _, port = text.rpartition(":")
    return int(IPv4Address(address)), int(port)

def main(cgroup: str, origin: str, target: str, seconds: str = "3600") -> None:
    """Attach for some seconds, then say how many connections were redirected."""
    constants = dict(zip(("from_address", "from_port", "to_address", "to_port"), (*place(origin), *place(target)), strict=True))
    with pybpf.load(pybpf.compile_programs(redirect_connect).elf, constants=constants) as loaded:
        with pybpf.attach(loaded, "redirect_connect", pybpf.Cgroup(Path(cgroup))):
            time.sleep(float(seconds))
        print(f"{loaded.variables['redirected'].value} connections redirected", flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
