"""Skb: a packet at the traffic-control hooks (struct __sk_buff), and its CPython stand-in over bytes."""

from __future__ import annotations

import time
from enum import IntEnum
from typing import TypeVar

from pybpf.compiler.lang.memory import Array, Struct

H = TypeVar("H", bound=Struct)


class Action(IntEnum):
    """What a tc program returns (include/uapi/linux/pkt_cls.h). UNSPEC and OK both go on; tcx calls them NEXT and PASS."""

    UNSPEC = -1
    OK = 0
    SHOT = 2
    REDIRECT = 7


# Context field -> its byte offset in struct __sk_buff; each is 32 bits, read only (include/uapi/linux/bpf.h).
SKB_FIELDS: dict[str, int] = {"length": 0, "interface_index": 40}
SKB_DATA_OFFSET, SKB_DATA_END_OFFSET = 76, 80

MAX_HEADER_OFFSET = 0x7FFF  # with a struct's size it stays below the verifier's MAX_PACKET_OFF (0xFFFF)

REDIRECT_INGRESS = 1  # BPF_F_INGRESS
PSEUDO_HEADER = 0x10  # BPF_F_PSEUDO_HDR


class Skb:
    """One packet with its Ethernet header. `clones` and `octets` show a test what a program did to it."""

    def __init__(self, packet: bytes, interface_index: int = 1) -> None:
        self.octets = bytearray(packet)
        self.clones: list[tuple[bytes, int, int]] = []
        self._interface_index = interface_index

    @property
    def length(self) -> int:
        """The packet's length in bytes, with the Ethernet header."""
        return len(self.octets)

    @property
    def interface_index(self) -> int:
        """The device this program runs on."""
        return self._interface_index

    def header(self, kind: type[H], offset: int) -> H | None:
        """The bytes [offset, offset + size) in place, or None when the packet's linear part is shorter."""
        if offset + kind.size_bytes > len(self.octets):
            return None
        return kind.view(memoryview(self.octets)[offset:])

    def load(self, offset: int, into: Struct) -> bool:
        """Copy the bytes at `offset` into a struct; False, and the struct zeroed, when the packet is too short."""
        return self._copy(offset, into._memory)

    def load_bytes(self, offset: int, into: Array[int], length: int) -> bool:
        """Copy `length` bytes at `offset` to the start of an array; False, and those bytes zeroed, when the packet is too short.

        `length` is from 1 to the largest power of two that is no more than the array has.
        """
        assert 0 < length <= 1 << (len(into).bit_length() - 1), f"load_bytes of {length} bytes"
        return self._copy(offset, into._memory[:length])

    def store(self, offset: int, source: Struct | bytes) -> bool:
        """Overwrite the bytes at `offset`; views from `header` are dead afterwards."""
        content = bytes(source)
        if offset + len(content) > len(self.octets):
            return False
        self.octets[offset : offset + len(content)] = content
        return True

    def change_tail(self, length: int) -> bool:
        """Cut or grow the packet to `length` bytes (grown bytes are zero); views are dead afterwards."""
        self.octets = self.octets[:length] + bytearray(max(0, length - len(self.octets)))
        return True

    def pull(self, length: int) -> bool:
        """Make the first `length` bytes linear, so that `header` reaches them; views are dead afterwards."""
        return length <= len(self.octets)

    def replace_l4_checksum(self, offset: int, old: int, new: int, flags: int) -> bool:
        """Update the checksum field at `offset` for a 16-bit change; both as they lie in memory, little-endian read.

        The low four bits of `flags` are the size (2). With PSEUDO_HEADER the change is in the pseudo header.
        """
        field = int.from_bytes(self.octets[offset : offset + 2], "little")
        total = (~field & 0xFFFF) + (~old & 0xFFFF) + new
        self.octets[offset : offset + 2] = (~_fold(total) & 0xFFFF).to_bytes(2, "little")
        return True

    def clone_redirect(self, interface_index: int, flags: int) -> bool:
        """Send a copy of the packet as it is now out of (or, REDIRECT_INGRESS, into) a device."""
        self.clones.append((bytes(self.octets), interface_index, flags))
        return True

    def _copy(self, offset: int, target: memoryview) -> bool:
        if offset + len(target) > len(self.octets):
            target[:] = bytes(len(target))
            return False
        target[:] = self.octets[offset : offset + len(target)]
        return True


def checksum_add(memory: Struct, seed: int) -> int:
    """The 32-bit one's-complement sum of a struct (a multiple of 4 bytes) and `seed`, not folded to 16 bits."""
    content = bytes(memory)
    assert len(content) % 4 == 0, "bpf_csum_diff takes multiples of four bytes"
    total = seed
    for at in range(0, len(content), 4):
        total += int.from_bytes(content[at : at + 4], "little")
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def ktime_ns() -> int:
    """Nanoseconds since boot, without time spent suspended (CLOCK_MONOTONIC)."""
    return time.monotonic_ns()


def _fold(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
