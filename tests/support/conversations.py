"""Both ends of a flow of any protocol, as frames at an endpoint: what opens it, what answers, what comes in the middle."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from tests.support.frames import Frame, frame_bytes
from tests.support.ip_packets import Ipv4, Ipv6
from tests.support.packets import ACK, FIN, RST, SYN
from tests.support.transports import Chunk, Icmp, Icmpv6, Raw, Sctp, Tcp, Udp

OWN = {4: "10.0.0.1", 6: "fd00::1"}
PEER = {4: "192.0.2.7", 6: "2001:db8::7"}
_INIT, _DATA = 1, 0  # SCTP chunks
_ECHOES = {4: (8, 0), 6: (128, 129)}  # request, reply


@dataclass(frozen=True, slots=True)
class Conversation:
    """A flow that `opener` begins (INGRESS: the peer) to `port`, from `number`, which an echo has for its identifier."""

    version: int
    protocol: Protocol
    opener: Direction
    port: int
    number: int = 41000
    peer: str = ""

    def opening(self) -> bytes:
        """What begins it."""
        return self._frame(self.opener, SYN, _INIT)

    def answer(self) -> bytes:
        """What the other end says to that."""
        return self._frame(other(self.opener), SYN | ACK, 2)

    def middle(self, direction: Direction) -> bytes:
        """A packet of one that is under way, which opens nothing. A datagram and an echo request always may."""
        return self._frame(direction, ACK, _DATA)

    def ending(self, direction: Direction) -> bytes:
        """TCP alone: FIN."""
        return self._frame(direction, FIN | ACK, _DATA)

    def reset(self, direction: Direction, payload: bytes = b"") -> bytes:
        """TCP alone: RST, perhaps with something behind it."""
        packet = self._packet(direction, RST, _DATA)
        assert isinstance(packet.content, Tcp)
        return frame_bytes(Frame(replace(packet, content=replace(packet.content, payload=payload))))

    def error_about(self, direction: Direction, **changes: str) -> bytes:
        """An ICMP error that goes in `direction` and quotes what its receiver has sent. `source` is who tells it; `quoted_source`,
        `quoted_destination` and `receiver` are otherwise than they must be."""
        sent = self._frame(other(direction), ACK, _DATA)[14:]
        quoted = self._packet(other(direction), ACK, _DATA)
        quoted = replace(quoted, source=changes.get("quoted_source", quoted.source), destination=changes.get("quoted_destination", quoted.destination))
        inside = frame_bytes(Frame(quoted))[14:] if changes else sent
        receiver = changes.get("receiver", quoted.source)
        teller = changes.get("source", "198.51.100.1" if self.version == 4 else "2001:db8:ffff::1")
        if direction is Direction.EGRESS:
            teller = changes.get("source", OWN[self.version])
        if self.version == 4:
            return frame_bytes(Frame(Ipv4(teller, receiver, Icmp(3, 1, body=inside[:28]))))
        return frame_bytes(Frame(Ipv6(teller, receiver, Icmpv6(1, 3, body=inside[:48]))))

    def _frame(self, direction: Direction, flags: int, chunk: int) -> bytes:
        return frame_bytes(Frame(self._packet(direction, flags, chunk)))

    def _packet(self, direction: Direction, flags: int, chunk: int) -> Ipv4 | Ipv6:
        peer = self.peer or PEER[self.version]
        source, destination = (peer, OWN[self.version]) if direction is Direction.INGRESS else (OWN[self.version], peer)
        transport = self._transport(direction, flags, chunk)
        return Ipv4(source, destination, transport) if self.version == 4 else Ipv6(source, destination, transport)

    def _transport(self, direction: Direction, flags: int, chunk: int) -> Tcp | Udp | Sctp | Icmp | Icmpv6 | Raw:
        by_opener = direction is self.opener
        source, destination = (self.number, self.port) if by_opener else (self.port, self.number)
        match self.protocol:
            case Protocol.TCP:
                return Tcp(source, destination, flags=flags)
            case Protocol.UDP:
                return Udp(source, destination, b"x")
            case Protocol.SCTP:
                return Sctp(source, destination, chunks=(Chunk(chunk),))
        kind = _ECHOES[self.version][0 if by_opener else 1]
        rest = self.number.to_bytes(2, "big") + b"\0\1"
        return Icmp(kind, rest=rest) if self.version == 4 else Icmpv6(kind, rest=rest)


def other(direction: Direction) -> Direction:
    """The other way."""
    return Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
