"""Skb: a packet at the traffic-control hooks and other socket layers (struct __sk_buff), and its CPython stand-in over bytes."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pybpf.compiler.lang.context import At, Bounds, Rights, names
from pybpf.compiler.lang.helpers.of_skb import SkbMethods
from pybpf.compiler.lang.integers import be16, be32, u8, u16, u32, u64
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.memory import KernelObject
from pybpf.compiler.lang.objects import SocketCommon


class Action(IntEnum):
    """What a tc program returns (include/uapi/linux/pkt_cls.h). UNSPEC and OK both go on; tcx calls them NEXT and PASS."""

    UNSPEC = -1
    OK = 0
    SHOT = 2
    REDIRECT = 7


REDIRECT_INGRESS = 1  # BPF_F_INGRESS
NO_QUEUE = 0xFFFF  # NO_QUEUE_MAPPING (include/linux/netdevice.h): a queue_mapping that nobody writes (bpf_convert_ctx_access, net/core/filter.c)
PSEUDO_HEADER = 0x10  # BPF_F_PSEUDO_HDR


_CONTROL = names("control_0", "control_1", "control_2", "control_3", "control_4")
_TIMES = names("hardware_timestamp", "timestamp", "timestamp_type")
_SOCKET = names(
    "family", "remote_ip4", "local_ip4", "remote_port", "local_port", "remote_ip6_0", "remote_ip6_1", "remote_ip6_2",
    "remote_ip6_3", "local_ip6_0", "local_ip6_1", "local_ip6_2", "local_ip6_3",
)  # fmt: skip


class Skb(SkbMethods, symbol="__sk_buff", packet=Bounds(76, 80)):
    """One packet with its Ethernet header. `clones` and `octets` show a test what a program did to it."""

    length: Annotated[int, At(0, u32, "len")]  # in bytes, with the Ethernet header where there is one
    packet_type: Annotated[int, At(4, u32, "pkt_type")]  # PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3, OUTGOING 4
    mark: Annotated[int, At(8, u32)]
    queue_mapping: Annotated[int, At(12, u16, loads=u32)]
    protocol: Annotated[int, At(16, be16, loads=u32)]  # EtherType: 0x800 is IPv4
    vlan_present: Annotated[int, At(20, u32)]
    vlan_tag: Annotated[int, At(24, u16, "vlan_tci", loads=u32)]
    vlan_protocol: Annotated[int, At(28, be16, "vlan_proto", loads=u32)]
    priority: Annotated[int, At(32, u32)]
    ingress_interface: Annotated[int, At(36, u32, "ingress_ifindex")]
    interface_index: Annotated[int, At(40, u32, "ifindex")]  # of the device this program runs on
    tc_index: Annotated[int, At(44, u16, loads=u32)]
    control_0: Annotated[int, At(48, u32, "cb[0]")]
    control_1: Annotated[int, At(52, u32, "cb[1]")]
    control_2: Annotated[int, At(56, u32, "cb[2]")]
    control_3: Annotated[int, At(60, u32, "cb[3]")]
    control_4: Annotated[int, At(64, u32, "cb[4]")]
    hash: Annotated[int, At(68, u32)]
    tc_class: Annotated[int, At(72, u16, "tc_classid", loads=u32)]
    napi_id: Annotated[int, At(84, u32)]
    family: Annotated[int, At(88, u32)]  # from here to local_port: of the socket, whatever the packet says
    remote_ip4: Annotated[int, At(92, be32)]
    local_ip4: Annotated[int, At(96, be32)]
    remote_ip6_0: Annotated[int, At(100, be32, "remote_ip6[0]")]
    remote_ip6_1: Annotated[int, At(104, be32, "remote_ip6[1]")]
    remote_ip6_2: Annotated[int, At(108, be32, "remote_ip6[2]")]
    remote_ip6_3: Annotated[int, At(112, be32, "remote_ip6[3]")]
    local_ip6_0: Annotated[int, At(116, be32, "local_ip6[0]")]
    local_ip6_1: Annotated[int, At(120, be32, "local_ip6[1]")]
    local_ip6_2: Annotated[int, At(124, be32, "local_ip6[2]")]
    local_ip6_3: Annotated[int, At(128, be32, "local_ip6[3]")]
    remote_port: Annotated[int, At(132, be32)]
    local_port: Annotated[int, At(136, u32)]
    timestamp: Annotated[int, At(152, u64, "tstamp")]  # nanoseconds, of the clock that timestamp_type names
    wire_length: Annotated[int, At(160, u32, "wire_len")]
    gso_segments: Annotated[int, At(164, u16, "gso_segs", loads=u32)]
    socket: Annotated[SocketCommon | None, At(168, SocketCommon, "sk")]
    gso_size: Annotated[int, At(176, u16, loads=u32)]
    timestamp_type: Annotated[int, At(180, u8, "tstamp_type")]
    hardware_timestamp: Annotated[int, At(184, u64, "hwtstamp")]  # nanoseconds

    rights: ClassVar = {
        ProgramType.SOCKET_FILTER: Rights(
            hidden=_SOCKET | _TIMES | names("tc_class", "wire_length"),
            writable=_CONTROL,
        ),
        ProgramType.SCHED_CLS: Rights(
            hidden=_SOCKET,
            writable=_CONTROL | names("mark", "priority", "queue_mapping", "tc_class", "tc_index", "timestamp"),
            reads_packet=True,
            writes_packet=True,
        ),
        ProgramType.CGROUP_SKB: Rights(
            hidden=names("tc_class", "timestamp_type", "wire_length"),
            writable=_CONTROL | names("mark", "priority", "timestamp"),
            reads_packet=True,
        ),
        ProgramType.SK_SKB: Rights(
            hidden=_TIMES | names("mark", "tc_class", "wire_length"),
            writable=names("priority", "tc_index"),
            reads_packet=True,
            writes_packet=True,
        ),
    }

    def __init__(self, packet: bytes = b"", interface_index: int = 1, **fields: int | KernelObject | None) -> None:
        super().__init__(packet, interface_index=interface_index, **fields)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return len(self.octets) if name == "length" else super().__getattr__(name)

        def __setattr__(self, name: str, value: Any) -> None:
            assert name != "queue_mapping" or value < NO_QUEUE, f"queue_mapping = {value} is no queue: the kernel would not write it"
            super().__setattr__(name, value)
