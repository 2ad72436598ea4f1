"""SkMsg: what a process is sending through a socket of a socket map (struct sk_msg_md)."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, ClassVar

from pybpf.compiler.lang.context import At, Bounds, Rights
from pybpf.compiler.lang.helpers.of_socket_programs import SkMsgMethods
from pybpf.compiler.lang.integers import be32, u32
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.objects import Socket


class Verdict(IntEnum):
    """enum sk_action: what sk_skb, sk_msg and sk_lookup programs return."""

    DROP = 0
    PASS = 1


class SkMsg(SkMsgMethods, symbol="sk_msg_md", packet=Bounds(0, 8, 64)):
    """One message. `octets` is the part of it that is linear: what `pull` made so."""

    family: Annotated[int, At(16, u32)]
    remote_ip4: Annotated[int, At(20, be32)]
    local_ip4: Annotated[int, At(24, be32)]
    remote_ip6_0: Annotated[int, At(28, be32, "remote_ip6[0]")]
    remote_ip6_1: Annotated[int, At(32, be32, "remote_ip6[1]")]
    remote_ip6_2: Annotated[int, At(36, be32, "remote_ip6[2]")]
    remote_ip6_3: Annotated[int, At(40, be32, "remote_ip6[3]")]
    local_ip6_0: Annotated[int, At(44, be32, "local_ip6[0]")]
    local_ip6_1: Annotated[int, At(48, be32, "local_ip6[1]")]
    local_ip6_2: Annotated[int, At(52, be32, "local_ip6[2]")]
    local_ip6_3: Annotated[int, At(56, be32, "local_ip6[3]")]
    remote_port: Annotated[int, At(60, be32)]
    local_port: Annotated[int, At(64, u32)]
    length: Annotated[int, At(68, u32, "size")]  # of the whole message, in bytes
    socket: Annotated[Socket | None, At(72, Socket, "sk")]

    rights: ClassVar = {ProgramType.SK_MSG: Rights(reads_packet=True, writes_packet=True)}
