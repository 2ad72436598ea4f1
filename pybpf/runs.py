"""Test runs of programs other than packet classifiers: what Program.test_run takes as `context` for XDP and sk_lookup, and raw tracepoints.

    XDP            test_run(metadata + packet, context=XdpContext.of(metadata, packet).pack()), or test_run(packet) without one
    sk_lookup      test_run(b"", context=SkLookupContext(...).pack(), data_out_size=0)
    raw_tracepoint run_raw_tracepoint(program, arguments)

The kernel runs no tracepoint, perf event, probe or cgroup address programs this way: attach them (net/bpf/test_run.c, 6.18).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Self

from . import syscalls
from .kinds import ProgramType
from .programs import Program

_XDP = struct.Struct("=6I")
_MAX_ARGUMENTS = 12  # MAX_BPF_FUNC_ARGS


@dataclass(frozen=True, slots=True)
class XdpContext:
    """struct xdp_md of a test run. Both ends of the packet are offsets in the bytes given to test_run, metadata included (kernel 5.18).

    Metadata is a multiple of four bytes, at most 252. Queue and interface are those of a device in the calling thread's network namespace.

        0 data (packet_start)   4 data_end (packet_end)   8 data_meta   12 ingress_ifindex   16 rx_queue_index   20 egress_ifindex
    """

    packet_start: int
    packet_end: int
    ingress_ifindex: int = 0
    queue_index: int = 0

    @classmethod
    def of(cls, metadata: bytes, packet: bytes, *, ingress_ifindex: int = 0, queue_index: int = 0) -> Self:
        """The context for running a program on `metadata + packet`."""
        return cls(len(metadata), len(metadata) + len(packet), ingress_ifindex, queue_index)

    def pack(self) -> bytes:
        """The 24 bytes of struct xdp_md."""
        return _XDP.pack(self.packet_start, self.packet_end, 0, self.ingress_ifindex, self.queue_index, 0)

    @classmethod
    def unpack(cls, context: bytes) -> Self:
        """What a test run left: where the packet lies in the bytes that came back."""
        start, end, _, ingress_ifindex, queue_index, _ = _XDP.unpack(context)
        return cls(start, end, ingress_ifindex, queue_index)


@dataclass(frozen=True, slots=True)
class SkLookupContext:
    """struct bpf_sk_lookup of a test run: a packet from `remote` to `local`, ports in host order (kernel 5.13).

         0 cookie u64        8 family      12 protocol     16 remote_ip4   20 remote_ip6[4]   36 remote_port be16, 2 of zero
        40 local_ip4 be32   44 local_ip6[4]   60 local_port   64 ingress_ifindex   (72 in all; u32 where not said)
    """

    remote: tuple[IPv4Address | IPv6Address, int]
    local: tuple[IPv4Address | IPv6Address, int]
    protocol: int = socket.IPPROTO_TCP

    def pack(self) -> bytes:
        """The 72 bytes of struct bpf_sk_lookup. Raises ValueError for addresses of two families."""
        (remote, remote_port), (local, local_port) = self.remote, self.local
        if remote.version != local.version:
            raise ValueError(f"{remote} and {local} are not of one family")
        family = socket.AF_INET if remote.version == 4 else socket.AF_INET6
        port = struct.pack("!H2x", remote_port)
        head = struct.pack("=8xII", family, self.protocol)
        return head + _address(remote) + port + _address(local) + struct.pack("=H10x", local_port)


def selected_socket(context: bytes) -> int | None:
    """The cookie (SO_COOKIE) of the socket that a sk_lookup program's test run chose, None when it chose none."""
    return struct.unpack_from("=Q", context)[0] or None


def run_raw_tracepoint(program: Program, arguments: Sequence[int]) -> int:
    """What `program` (RAW_TRACEPOINT) returns for up to 12 arguments of 64 bits. Kernel 5.10."""
    if program.type is not ProgramType.RAW_TRACEPOINT:
        raise ValueError(f"program {program.name!r} is of type {program.type.name}: use its test_run")
    if len(arguments) > _MAX_ARGUMENTS:
        raise ValueError(f"{len(arguments)} arguments are more than the {_MAX_ARGUMENTS} that a tracepoint has")
    return syscalls.prog_test_run_arguments(program.fileno(), struct.pack(f"={len(arguments)}Q", *arguments))


def _address(address: IPv4Address | IPv6Address) -> bytes:
    """The address in the two neighbouring fields for IPv4 and IPv6, the other one zero."""
    return address.packed + bytes(16) if address.version == 4 else bytes(4) + address.packed
