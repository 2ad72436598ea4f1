"""sk_lookup: one listening socket gets the connections of a whole range of ports.

port_steering.py FIRST-PORT LAST-PORT [SECONDS-TO-RUN]
"""

from __future__ import annotations

import socket
import sys
import time

import pybpf
from pybpf.lang import *

first_port = constant(u16)
last_port = constant(u16)
listeners = SocketMap(1)
steered = variable(u64)

@program("sk_lookup")
def steer(lookup: SkLookup) -> int:
    """1 goes on, with the socket that was assigned, or with the ordinary lookup."""
    if not first_port.value <= lookup.local_port <= last_port.value:
        return 1
    listener = listeners.lookup(0)
    if listener is None:
        return 1
    if lookup.sk_assign(listener, 0) == 0:
        steered.add_atomic("value", 1)
    sk_release(listener)
    return 1

def main(first: str, last: str, seconds: str = "3600") -> None:
    """Answer on all of these ports with the port that was asked for."""
    constants = {"first_port": int(first), "last_port": int(last)}
    with pybpf.load(pybpf.compile_programs(steer).elf, constants=constants) as loaded, socket.create_server(("0.0.0.0", 0)) as listener:
        loaded.maps["listeners"].update(bytes(4), listener)
        listener.settimeout(0.2)
        until = time.monotonic() + float(seconds)
        with pybpf.attach(loaded, "steer", pybpf.NetworkNamespace()):
            while time.monotonic() < until:
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(f"you asked for {connection.getsockname()[1]}\n".encode())
        print(f"{loaded.variables['steered'].value} connections steered", flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
