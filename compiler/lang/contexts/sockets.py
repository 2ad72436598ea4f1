"""Sock: a socket as it is made, bound or closed, and SkLookup: a packet in search of one (struct bpf_sock, bpf_sk_lookup)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pybpf.compiler.lang.context import At, Rights, names
from pybpf.compiler.lang.helpers.of_socket_programs import SkLookupMethods, SockMethods
from pybpf.compiler.lang.integers import be16, be32, s32, u32
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.objects import Socket

_LOCAL_IP6 = names("local_ip6_0", "local_ip6_1", "local_ip6_2", "local_ip6_3")
_SETTINGS = names("interface_index", "mark", "priority")
_UNBOUND = Rights(hidden=_LOCAL_IP6 | names("local_ip4", "local_port"), writable=_SETTINGS)


class Sock(SockMethods, symbol="bpf_sock"):
    """The socket that a cgroup/sock... or cgroup/post_bind... program is called about."""

    interface_index: Annotated[int, At(0, u32, "bound_dev_if")]  # the device it is bound to, 0 for none
    family: Annotated[int, At(4, u32)]
    type: Annotated[int, At(8, u32)]
    protocol: Annotated[int, At(12, u32)]
    mark: Annotated[int, At(16, u32)]
    priority: Annotated[int, At(20, u32)]
    local_ip4: Annotated[int, At(24, be32, "src_ip4")]
    local_ip6_0: Annotated[int, At(28, be32, "src_ip6[0]")]
    local_ip6_1: Annotated[int, At(32, be32, "src_ip6[1]")]
    local_ip6_2: Annotated[int, At(36, be32, "src_ip6[2]")]
    local_ip6_3: Annotated[int, At(40, be32, "src_ip6[3]")]
    local_port: Annotated[int, At(44, u32, "src_port")]
    remote_port: Annotated[int, At(48, be16, "dst_port")]
    remote_ip4: Annotated[int, At(52, be32, "dst_ip4")]
    remote_ip6_0: Annotated[int, At(56, be32, "dst_ip6[0]")]
    remote_ip6_1: Annotated[int, At(60, be32, "dst_ip6[1]")]
    remote_ip6_2: Annotated[int, At(64, be32, "dst_ip6[2]")]
    remote_ip6_3: Annotated[int, At(68, be32, "dst_ip6[3]")]
    state: Annotated[int, At(72, u32)]
    receive_queue: Annotated[int, At(76, s32, "rx_queue_mapping")]  # -1 for none: 64 ones in the register, though 32 are loaded

    rights: ClassVar = {
        ProgramType.CGROUP_SOCK: Rights(hidden=_LOCAL_IP6 | _SETTINGS | names("local_ip4", "local_port")),
    }
    section_rights: ClassVar = {
        "cgroup/sock": _UNBOUND,
        "cgroup/sock_create": _UNBOUND,
        "cgroup/sock_release": _UNBOUND,
        "cgroup/post_bind4": Rights(hidden=_LOCAL_IP6 | _SETTINGS),
        "cgroup/post_bind6": Rights(hidden=_SETTINGS | names("local_ip4")),
    }


class SkLookup(SkLookupMethods, symbol="bpf_sk_lookup"):
    """A packet for which the kernel looks for a listening or unconnected socket, in the network namespace it came to."""

    socket: Annotated[Socket | None, At(0, Socket, "sk")]  # what a program has chosen already
    family: Annotated[int, At(8, u32)]
    protocol: Annotated[int, At(12, u32)]
    remote_ip4: Annotated[int, At(16, be32)]
    remote_ip6_0: Annotated[int, At(20, be32, "remote_ip6[0]")]
    remote_ip6_1: Annotated[int, At(24, be32, "remote_ip6[1]")]
    remote_ip6_2: Annotated[int, At(28, be32, "remote_ip6[2]")]
    remote_ip6_3: Annotated[int, At(32, be32, "remote_ip6[3]")]
    remote_port: Annotated[int, At(36, be16)]
    local_ip4: Annotated[int, At(40, be32)]
    local_ip6_0: Annotated[int, At(44, be32, "local_ip6[0]")]
    local_ip6_1: Annotated[int, At(48, be32, "local_ip6[1]")]
    local_ip6_2: Annotated[int, At(52, be32, "local_ip6[2]")]
    local_ip6_3: Annotated[int, At(56, be32, "local_ip6[3]")]
    local_port: Annotated[int, At(60, u32)]
    ingress_interface: Annotated[int, At(64, u32, "ingress_ifindex")]

    rights: ClassVar = {ProgramType.SK_LOOKUP: Rights()}
