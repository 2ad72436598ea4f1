"""Methods of Xdp: the packet as the driver has it. `length` arguments and offsets are bytes from its start.

Those that move the packet are by bpf_helper_changes_pkt_data (net/core/filter.c, 6.18).
"""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang.context import PacketContext
from pybpf.compiler.lang.helper import LengthOf, longest_length
from pybpf.compiler.lang.helpers.of_several import FindsRoutes, FindsSockets
from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s32, u32, u64
from pybpf.compiler.lang.memory import Array, Struct, memory_of

_HEADROOM = 216  # XDP_PACKET_HEADROOM less struct xdp_frame
_LONGEST = 3520  # a page of 4 KiB less XDP_PACKET_HEADROOM and struct skb_shared_info: what a test run has, as most drivers do
_ETHERNET_HEADER = 14  # ETH_HLEN: no packet gets shorter


class XdpMethods(FindsSockets, FindsRoutes, PacketContext):
    """What an XDP program does to its packet."""

    @row(44, "self difference", "4.10", moves_packet=True)
    def adjust_head(self, difference: s32) -> bool:
        """Take `difference` bytes off the front or, below 0, put as many there, of any content; views are dead afterwards."""
        if difference < -_HEADROOM or difference > len(self.octets) - _ETHERNET_HEADER:
            return False
        self.octets = self.octets[difference:] if difference >= 0 else bytearray(-difference) + self.octets
        return True

    @row(65, "self difference", "4.18", moves_packet=True)
    def adjust_tail(self, difference: s32) -> bool:
        """Put `difference` bytes of zero at the end (since 5.8) or, below 0, take as many off; views are dead afterwards."""
        size = len(self.octets) + difference
        if not _ETHERNET_HEADER <= size <= _LONGEST:
            return False
        self.octets = self.octets[:size] + bytearray(max(0, difference))
        return True

    @row(54, "self difference", "4.15", moves_packet=True)
    def adjust_meta(self, difference: s32) -> bool:
        """Below 0: make room before the packet for data that tc programs find at data_meta; views are dead afterwards."""
        raise NoStandIn

    @row(188, "self", "5.18")
    def get_buffer_length(self) -> u64:
        """The length of the packet with all its fragments."""
        return len(self.octets)

    @row(189, "self offset into #into", "5.18")
    def load(self, offset: u32, into: Struct) -> bool:
        """Copy the bytes at `offset` into a struct, from fragments too; False, and the struct as it was, when the packet is too short."""
        return self._copy(offset, memory_of(into))

    @row(189, "self offset into length", "5.18")
    def load_bytes(self, offset: u32, into: Array[int], length: Annotated[int, LengthOf("into")]) -> bool:
        """Copy `length` bytes at `offset` to the start of an array, from fragments too; False when the packet is too short.

        `length` is from 1 to the largest power of two that is no more than the array has.
        """
        memory = memory_of(into)
        assert 0 < length <= longest_length(len(memory)), f"load_bytes of {length} bytes into {len(memory)}"
        return self._copy(offset, memory[:length])

    @row(190, "self offset source #source", "5.18")
    def store(self, offset: u32, source: Struct | Array[int] | bytes) -> bool:
        """Overwrite the bytes at `offset`, in fragments too; False when the packet is too short."""
        content = bytes(source)
        if offset + len(content) > len(self.octets):
            return False
        self.octets[offset : offset + len(content)] = content
        return True

    def _copy(self, offset: int, target: memoryview) -> bool:
        if offset + len(target) > len(self.octets):
            return False
        target[:] = self.octets[offset : offset + len(target)]
        return True
