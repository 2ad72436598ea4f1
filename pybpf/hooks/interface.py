"""Network interfaces: XDP, where a packet comes in first, and tcx, the tc hooks.

An interface's number is what it has in the calling thread's network namespace; entering another one is the caller's business.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from enum import Enum

from pybpf import syscalls
from pybpf.errors import KernelError
from pybpf.kinds import AttachType, ProgramType
from pybpf.links import Link
from pybpf.programs import Program

from .making import check_index, create_link, expect


class TcxHook(Enum):
    """Which way through the interface: INGRESS is what arrives from its wire, EGRESS what is sent to it."""

    INGRESS = AttachType.TCX_INGRESS
    EGRESS = AttachType.TCX_EGRESS


class TcxOrder(Enum):
    """Where in the chain of programs at a tcx hook: behind all that are there, or before them. The values are BPF_F_*."""

    LAST = 0
    FIRST = 1 << 3


class XdpMode(Enum):
    """Where XDP runs: in the DRIVER before a packet has an skb, in the network CARD, or GENERIC, after that, on any interface.

    DEFAULT is the driver if it can, else generic. The values are XDP_FLAGS_* (include/uapi/linux/if_link.h).
    """

    DEFAULT = 0
    GENERIC = 1 << 1
    DRIVER = 1 << 2
    CARD = 1 << 3


def attach_tcx(program: Program, interface_index: int, hook: TcxHook, order: TcxOrder = TcxOrder.LAST) -> Link:
    """`program` (SCHED_CLS) in the interface's chain of that hook. Raises NotSupported on kernels without tcx (6.6).

    A program that returns TC_ACT_UNSPEC (-1) hands the packet to the next in the chain, and at its end to the filters of clsact; with
    any other action the packet's way ends there, also with TC_ACT_OK (tcx_run, net/core/dev.c).
    """
    expect(program, [ProgramType.SCHED_CLS])
    check_index(interface_index)
    return create_link(program, interface_index, hook.value, order.value)


def tcx_program_ids(interface_index: int, hook: TcxHook) -> list[int]:
    """The kernel's ids of the programs in that chain, in the order in which they run. KernelError: ENODEV without the interface, EINVAL
    on kernels without tcx (6.6)."""
    check_index(interface_index)
    return syscalls.prog_query(interface_index, attach_type=hook.value)


def attach_xdp(program: Program, interface_index: int, mode: XdpMode = XdpMode.DEFAULT) -> Link:
    """`program` (XDP) at the interface, which takes one: EBUSY when there is another. Kernel 5.9."""
    expect(program, [ProgramType.XDP])
    check_index(interface_index)
    try:
        return create_link(program, interface_index, AttachType.XDP, mode.value)
    except KernelError as error:
        # The kernel calls a missing interface EINVAL here (bpf_xdp_link_attach, net/core/dev.c, 6.18).
        if error.errno == errno.EINVAL and not _is_there(interface_index):
            raise KernelError(error.command, errno.ENODEV) from error
        raise


def _is_there(interface_index: int) -> bool:
    with suppress(OSError):
        return bool(socket.if_indextoname(interface_index))
    return False
