"""Whether an entry covers a connection: its peer, protocol and port."""

from __future__ import annotations

from pybpf.compiler.policy.model.flow import Fit, Flow, Party
from pybpf.compiler.policy.model.labels import RESERVED
from pybpf.compiler.policy.model.ports import WITH_PORTS, IcmpType, PortRange, Protocol
from pybpf.compiler.policy.model.resolved import Entry, Identity
from pybpf.compiler.policy.patterns import accepts_name, dns_pattern


def connection_fit(entry: Entry, flow: Flow, identity: Identity, peer: Party) -> Fit:
    """COVERS, or the first thing in which they differ."""
    if entry.peers.identities is not None and not entry.peers.identities and not entry.peers.names:
        return Fit.NOBODY
    if not covers_peer(entry, identity, peer):
        return Fit.PEER
    if entry.ports is None:
        return Fit.COVERS
    if not any(_is_of(port, flow.protocol) for port in entry.ports):
        return Fit.PROTOCOL
    return Fit.COVERS if matched_ports(entry, flow) else Fit.PORT


def matched_ports(entry: Entry, flow: Flow) -> tuple[PortRange | IcmpType, ...]:
    """The ports of an entry that the flow goes to; none for an entry of every port."""
    return tuple(port for port in entry.ports or () if _is_of(port, flow.protocol) and _holds(port, flow.port))


def is_outside(identity: Identity) -> bool:
    """Whether it is one of the world's: only those are known by DNS names."""
    return any(label.source == RESERVED and label.key == "world" for label in identity.labels)


def full_name(name: str) -> str:
    """A DNS name as patterns see it: in lower case, with a dot at the end."""
    return name.lower().removesuffix(".") + "."


def covers_peer(entry: Entry, identity: Identity, peer: Party) -> bool:
    numbers = entry.peers.identities
    if numbers is None or identity.number in numbers:
        return True
    names = [full_name(name) for name in peer.names] if is_outside(identity) else []
    return any(accepts_name(dns_pattern, pattern, name) for pattern in entry.peers.names for name in names)


def _is_of(port: PortRange | IcmpType, protocol: Protocol | int) -> bool:
    """ANY is any protocol with ports, not every protocol."""
    return protocol in WITH_PORTS if port.protocol is Protocol.ANY else port.protocol == protocol


def _holds(port: PortRange | IcmpType, number: int) -> bool:
    return port.first <= number <= port.last if isinstance(port, PortRange) else port.number == number
