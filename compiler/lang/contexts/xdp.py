"""Xdp: a packet as the driver has it, before the kernel made anything of it (struct xdp_md)."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, ClassVar

from pybpf.compiler.lang.context import At, Bounds, Rights, names
from pybpf.compiler.lang.helpers.of_xdp import XdpMethods
from pybpf.compiler.lang.integers import u32
from pybpf.compiler.lang.kinds import ProgramType


class XdpAction(IntEnum):
    """enum xdp_action: what an XDP program returns. Any other number is ABORTED, with a warning."""

    ABORTED = 0
    DROP = 1
    PASS = 2
    TX = 3
    REDIRECT = 4


class Xdp(XdpMethods, symbol="xdp_md", packet=Bounds(0, 4)):
    """One packet with its Ethernet header. There is an egress interface only where a device map has sent it."""

    ingress_interface: Annotated[int, At(12, u32, "ingress_ifindex")]
    receive_queue: Annotated[int, At(16, u32, "rx_queue_index")]
    egress_interface: Annotated[int, At(20, u32, "egress_ifindex")]

    rights: ClassVar = {ProgramType.XDP: Rights(names("egress_interface"), reads_packet=True, writes_packet=True)}
    section_rights: ClassVar = {
        section: Rights(reads_packet=True, writes_packet=True) for section in ("xdp/devmap", "xdp.frags/devmap")
    }
