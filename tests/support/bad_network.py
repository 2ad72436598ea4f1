"""A network that loses packets and lets some overtake others: what netem does, by means that more kernels have.

Loss by nftables, on the way out of one namespace and into it. For overtaking, one packet in so many is put into a slow class of an
HTB queue on the interface while the rest go on; large packets are sent as they are on the wire, for the whole of one would not be overtaken.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from pybpf.demo.network import Place

RULES = """
table ip bad {{
  chain out {{ type filter hook output priority 0; oifname "lo" accept; {slow} {loss} }}
  chain in {{ type filter hook input priority 0; iifname "lo" accept; {loss} }}
}}
"""


@contextmanager
def bad_network(place: Place, *, loss_percent: int, overtaken_percent: int) -> Iterator[None]:
    """Everything that goes in or out of a namespace suffers this, until the block ends. Raises OSError where tools or the kernel lack."""
    (interface,) = (line.split(":")[1].strip().partition("@")[0] for line in _run(place, "ip", "-o", "link", "show", "type", "veth").splitlines())
    loss = f"numgen random mod 100 < {loss_percent} drop;" if loss_percent else ""
    slow = f"numgen random mod 100 < {overtaken_percent} meta priority set 0x10020;" if overtaken_percent else ""
    _run(place, "ip", "link", "set", interface, "gso_max_segs", "1")
    _run(place, "tc", "qdisc", "add", "dev", interface, "root", "handle", "1:", "htb", "default", "10")
    for number, rate in (("10", "10gbit"), ("20", "20mbit")):
        _run(place, "tc", "class", "add", "dev", interface, "parent", "1:", "classid", f"1:{number}", "htb", "rate", rate, "burst", "1600", "cburst", "1600")
    _run(place, "nft", "-f", "-", text=RULES.format(loss=loss, slow=slow))
    try:
        yield
    finally:
        _run(place, "nft", "delete", "table", "ip", "bad")
        _run(place, "tc", "qdisc", "del", "dev", interface, "root")
        _run(place, "ip", "link", "set", interface, "gso_max_segs", "65535")


def _run(place: Place, *command: str, text: str = "") -> str:
    done = subprocess.run(["ip", "netns", "exec", place.namespace, *command], input=text, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
