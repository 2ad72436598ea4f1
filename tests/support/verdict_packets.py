"""Flow -> the first packet of it, as a frame."""

from __future__ import annotations

from pybpf.compiler.policy.model.flow import Flow
from pybpf.compiler.policy.model.ports import Protocol
from tests.support.frames import Frame, frame_bytes
from tests.support.ip_packets import Ipv4, Ipv6
from tests.support.packets import SYN
from tests.support.transports import Icmp, Icmpv6, Raw, Sctp, Tcp, Udp


def first_frame(flow: Flow, number: int) -> bytes:
    """The frame that begins `flow`, between its parties' addresses. `number` (0 to 60,000) keeps flows apart: the source's port, or an echo's identifier."""
    source, destination = str(flow.source.address), str(flow.destination.address)
    content = transport(int(flow.protocol), flow.port, number + 1024)
    if ":" in source:
        return frame_bytes(Frame(Ipv6(source, destination, content)))
    return frame_bytes(Frame(Ipv4(source, destination, content)))


def transport(protocol: int, port: int, other: int) -> Tcp | Udp | Sctp | Icmp | Icmpv6 | Raw:
    """What lies above IP."""
    match protocol:
        case Protocol.TCP:
            return Tcp(other, port, flags=SYN)
        case Protocol.UDP:
            return Udp(other, port, b"question")
        case Protocol.SCTP:
            return Sctp(other, port)
        case Protocol.ICMP:
            return Icmp(port, rest=other.to_bytes(2, "big") + b"\0\1", body=bytes(32))
        case Protocol.ICMPV6:
            return Icmpv6(port, rest=other.to_bytes(2, "big") + b"\0\1", body=bytes(32))
    return Raw(protocol, bytes(40))
