"""Methods of Skb: a packet in the network stack. Offsets and lengths are bytes from where the program sees it start.

Those that move the packet are by bpf_helper_changes_pkt_data (net/core/filter.c, 6.18): views from `header` are dead
after them, whether they did anything or not. Which programs have which is availability.py.
"""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang.context import PacketContext
from pybpf.compiler.lang.helper import LengthOf, longest_length
from pybpf.compiler.lang.helpers.of_several import (
    FindsRoutes,
    FindsSockets,
    HasNamespaceCookie,
    HasSocketCookie,
)
from pybpf.compiler.lang.helpers.records import TransformState, TunnelKey4, TunnelKey6
from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s32, s64, u16, u32, u64
from pybpf.compiler.lang.memory import Array, KernelObject, Struct, memory_of
from pybpf.compiler.lang.objects import SocketCommon

_ETHERNET_HEADER = 14  # ETH_HLEN: change_tail leaves at least what lies before the network header
_LONGEST = 16064  # SKB_MAX_ALLOC, for pages of 4 KiB
_SIZE_OF_CHANGE = 0xF  # BPF_F_HDR_FIELD_MASK
_ZERO_IS_NONE, _EVEN_IF_ZERO = 0x20, 0x40  # BPF_F_MARK_MANGLED_0, BPF_F_MARK_ENFORCE
_FLAGS_OF_L4 = 0xFF  # with BPF_F_PSEUDO_HDR and, since 6.16, BPF_F_IPV6

class SkbBytes(PacketContext):
    """Reading, writing, cutting and growing. In CPython these act on `octets`."""

    @row(26, "self offset into #into", "4.5")
    def load(self, offset: u32, into: Struct) -> bool:
        """Copy the bytes at `offset` into a struct; False, and the struct zeroed, when the packet is too short."""
        return self._copy(offset, memory_of(into))

    @row(26, "self offset into length", "4.5")
    def load_bytes(self, offset: u32, into: Array[int], length: Annotated[int, LengthOf("into")]) -> bool:
        """Copy `length` bytes at `offset` to the start of an array; False, and those bytes zeroed, when the packet is too short.

        `length` is from 1 to the largest power of two that is no more than the array has.
        """
        memory = memory_of(into)
        assert 0 < length <= longest_length(len(memory)), f"load_bytes of {length} bytes into {len(memory)}"
        return self._copy(offset, memory[:length])

    @row(68, "self offset into #into start", "4.18")
    def load_relative(self, offset: u32, into: Struct, start: u32) -> bool:
        """As `load`, with an `offset` from a HeaderStart: also where the program sees the packet without its Ethernet header."""
        raise NoStandIn

    @row(9, "self offset source #source 0", "4.1", moves_packet=True)
    def store(self, offset: u32, source: Struct | bytes) -> bool:
        """Overwrite the bytes at `offset`; views from `header` are dead afterwards."""
        content = bytes(source)
        if offset + len(content) > len(self.octets):
            return False
        self.octets[offset : offset + len(content)] = content
        return True

    @row(38, "self length 0", "4.9", moves_packet=True)
    def change_tail(self, length: u32) -> bool:
        """Cut or grow the packet to `length` bytes (grown bytes are zero); views are dead afterwards."""
        if not _ETHERNET_HEADER <= length <= _LONGEST:
            return False
        self.octets = self.octets[:length] + bytearray(max(0, length - len(self.octets)))
        return True

    @row(43, "self length 0", "4.10", moves_packet=True)
    def change_head(self, length: u32) -> bool:
        """Put `length` bytes of zero before the packet; views are dead afterwards."""
        if len(self.octets) + length > _LONGEST:
            return False
        self.octets = bytearray(length) + self.octets
        return True

    @row(50, "self difference mode flags", "4.13", moves_packet=True)
    def adjust_room(self, difference: s32, mode: u32, flags: u64) -> bool:
        """Make or take room at RoomMode `mode`, and let lengths and GSO follow; `flags` are BPF_F_ADJ_ROOM_*; views are dead afterwards."""
        raise NoStandIn

    @row(39, "self length", "4.9", moves_packet=True)
    def pull(self, length: u32) -> bool:
        """Make the first `length` bytes linear, so that `header` reaches them; views are dead afterwards."""
        return length <= len(self.octets)

    def _copy(self, offset: int, target: memoryview) -> bool:
        if offset + len(target) > len(self.octets):
            target[:] = bytes(len(target))
            return False
        target[:] = self.octets[offset : offset + len(target)]
        return True


class SkbChecksums(PacketContext):
    """Keeping checksums right."""

    @row(10, "self offset old new size", "4.1", moves_packet=True)
    def replace_l3_checksum(self, offset: u32, old: u64, new: u64, size: u64) -> bool:
        """Update the IPv4 header checksum at `offset` for a change of `size` (2 or 4) bytes; both as they lie in memory, little-endian read.

        With `size` 0, `new` is what checksum_difference gave.
        """
        return self._replace(offset, old, new, size)

    @row(11, "self offset old new flags", "4.1", moves_packet=True)
    def replace_l4_checksum(self, offset: u32, old: u64, new: u64, flags: u64) -> bool:
        """Update the checksum field at `offset` for a change; both as they lie in memory, little-endian read.

        The low four bits of `flags` are the size of the change (2 or 4; 0: `new` is what checksum_difference gave). With
        PSEUDO_HEADER the change is in the pseudo header. With 0x20, for UDP, a checksum of 0 is none and stays so, and one that
        becomes 0 is written as 0xFFFF; with 0x40 too, one is made where there was none.
        """
        if flags & ~_FLAGS_OF_L4 or not self._has_checksum_at(offset):
            return False
        was_none = not any(self.octets[offset : offset + 2])
        if flags & _ZERO_IS_NONE and not flags & _EVEN_IF_ZERO and was_none:
            return True
        done = self._replace(offset, old, new, flags & _SIZE_OF_CHANGE)
        if done and flags & _ZERO_IS_NONE and not any(self.octets[offset : offset + 2]):
            self.octets[offset : offset + 2] = b"\xff\xff"
        return done

    @row(40, "self sum", "4.9")
    def update_checksum(self, sum: u32) -> s64:  # noqa: A002  # the field's word for it
        """Add to the checksum that the device computed over the packet, after a change of it; gives the new one, or a negative errno."""
        raise NoStandIn

    @row(135, "self level", "5.8")
    def checksum_level(self, level: u64) -> s64:
        """Change or ask how many checksums the device has checked, by ChecksumLevel: the level, or a negative errno."""
        raise NoStandIn

    def _replace(self, offset: int, old: int, new: int, size: int) -> bool:
        if size not in (0, 2, 4) or (size == 0 and old != 0) or not self._has_checksum_at(offset):
            return False
        field = int.from_bytes(self.octets[offset : offset + 2], "little")
        mask = (1 << 8 * (size or 4)) - 1
        total = (~field & 0xFFFF) + (new & mask) + (0 if size == 0 else ~old & mask)
        self.octets[offset : offset + 2] = (~_fold(total) & 0xFFFF).to_bytes(2, "little")
        return True

    def _has_checksum_at(self, offset: int) -> bool:
        return offset + 2 <= len(self.octets) and offset & 1 == 0


class SkbHeaders(PacketContext):
    """VLAN tags, protocols, tunnels, IPsec."""

    @row(18, "self 0x81 tag", "4.3", moves_packet=True)
    def vlan_push(self, tag: u16) -> bool:
        """Put a VLAN tag (802.1Q) on the packet; views are dead afterwards."""
        raise NoStandIn

    @row(18, "self 0xa888 tag", "4.3", moves_packet=True)
    def vlan_push_service(self, tag: u16) -> bool:
        """Put an outer VLAN tag (802.1ad) on the packet; views are dead afterwards."""
        raise NoStandIn

    @row(19, "self", "4.3", moves_packet=True)
    def vlan_pop(self) -> bool:
        """Take the outermost VLAN tag off the packet; views are dead afterwards."""
        raise NoStandIn

    @row(31, "self 0x8 0", "4.8", moves_packet=True)
    def change_protocol_to_ip4(self) -> bool:
        """Make room for an IPv4 header where the IPv6 header was; the program writes it. Views are dead afterwards."""
        raise NoStandIn

    @row(31, "self 0xdd86 0", "4.8", moves_packet=True)
    def change_protocol_to_ip6(self) -> bool:
        """Make room for an IPv6 header where the IPv4 header was; the program writes it. Views are dead afterwards."""
        raise NoStandIn

    @row(32, "self type", "4.8")
    def change_type(self, type: u32) -> bool:  # noqa: A002  # the field's word for it
        """Set packet_type: PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3."""
        raise NoStandIn

    @row(97, "self", "5.1")
    def set_congestion_experienced(self) -> s64:
        """Mark the packet with ECN's CE: 1 when it is marked now, 0 when its sender does not take part."""
        raise NoStandIn

    @row(20, "self key #key flags", "4.3")
    def get_tunnel_key(self, key: TunnelKey4 | TunnelKey6, flags: u64) -> bool:
        """The outer header that the packet came in; `flags` are 0, or TunnelFlag.IP6 for TunnelKey6. False, and zeroes, when there was none."""
        raise NoStandIn

    @row(21, "self key #key flags", "4.3")
    def set_tunnel_key(self, key: TunnelKey4 | TunnelKey6, flags: u64) -> bool:
        """The outer header that the packet is to go out in; `flags` are TunnelFlag."""
        raise NoStandIn

    @row(29, "self into #into", "4.6")
    def get_tunnel_options(self, into: Struct | Array[int]) -> s64:
        """How many bytes of tunnel options were written, or a negative errno."""
        raise NoStandIn

    @row(30, "self options #options", "4.6")
    def set_tunnel_options(self, options: Struct | Array[int]) -> bool:
        """The tunnel options that the packet is to go out with, a multiple of 4 bytes."""
        raise NoStandIn

    @row(66, "self index into #into 0", "4.18")
    def get_xfrm_state(self, index: u32, into: TransformState) -> bool:
        """The IPsec state at `index` of those that the packet went through; False, and zeroes, when there is none."""
        raise NoStandIn


class SkbFacts(PacketContext):
    """What the kernel knows of the packet: hash, owner, route, time."""

    @row(34, "self", "4.8")
    def get_hash_recalc(self) -> u32:
        """The packet's flow hash, computed when it has none."""
        raise NoStandIn

    @row(41, "self", "4.9")
    def set_hash_invalid(self) -> None:
        """Forget the packet's hash, after a change of its addresses or ports."""
        raise NoStandIn

    @row(48, "self hash", "4.13")
    def set_hash(self, hash: u32) -> bool:  # noqa: A002  # the field's word for it
        """Set the packet's hash. Never False."""
        raise NoStandIn

    @row(17, "self", "4.3")
    def get_cgroup_classid(self) -> u32:
        """The class id of the sender's net_cls group (cgroup v1), by the task or, in softirq, the socket; 0 for none."""
        raise NoStandIn

    @row(151, "self", "5.10")
    def cgroup_classid(self) -> u64:
        """The class id of the net_cls group (cgroup v1) of the packet's socket; 0 for none."""
        raise NoStandIn

    @row(79, "self", "4.18")
    def cgroup_id(self) -> u64:
        """The id of the control group that the packet's socket was made in; 0 for none."""
        raise NoStandIn

    @row(83, "self level", "4.19")
    def ancestor_cgroup_id(self, level: s32) -> u64:
        """The id of the ancestor at `level` of that control group, the root being 0; 0 when there is none that deep."""
        raise NoStandIn

    @row(24, "self", "4.4")
    def get_route_realm(self) -> u32:
        """The realm of the packet's route; 0 for none."""
        raise NoStandIn

    @row(47, "self", "4.12")
    def get_socket_uid(self) -> u32:
        """The user that owns the packet's socket; 65534 when there is no full one."""
        raise NoStandIn

    @row(192, "self timestamp type", "5.18")
    def set_timestamp(self, timestamp: u64, type: u32) -> bool:  # noqa: A002  # the field's word for it
        """Set the packet's time in nanoseconds and of which clock it is (BPF_SKB_CLOCK_*; 0: of the real one, timestamp 0)."""
        raise NoStandIn


class SkbMethods(SkbBytes, SkbChecksums, SkbHeaders, SkbFacts, FindsSockets, FindsRoutes, HasSocketCookie, HasNamespaceCookie, PacketContext):
    """All of them. `clones` has what a program sent elsewhere: the bytes, the device, the flags."""

    def __init__(self, packet: bytes = b"", **fields: int | KernelObject | None) -> None:
        super().__init__(packet, **fields)
        self.clones: list[tuple[bytes, int, int]] = []

    @row(13, "self interface_index flags", "4.2", moves_packet=True)
    def clone_redirect(self, interface_index: u32, flags: u64) -> bool:
        """Send a copy of the packet as it is now out of (or, REDIRECT_INGRESS, into) a device; views are dead afterwards."""
        self.clones.append((bytes(self.octets), interface_index, flags))
        return True

    @row(124, "self socket flags", "5.7")
    def sk_assign(self, socket: SocketCommon, flags: u64) -> s64:
        """Let this socket receive the packet: 0, or a negative errno. In tc at ingress only; it must be released all the same."""
        raise NoStandIn


def _fold(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
