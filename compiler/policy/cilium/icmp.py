"""Fields of `icmps` -> ICMP types: the names that Cilium has for them (pkg/policy/api/icmp.go)."""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import Final

from pybpf.compiler.policy.cilium.port_shapes import FAMILIES, ICMP, ICMP_FIELD, MAX_ICMP_FIELDS
from pybpf.compiler.policy.model.policy import PortRule
from pybpf.compiler.policy.model.ports import IcmpType, Protocol
from pybpf.compiler.policy.text.fields import choice, did_you_mean, fields, integer, items
from pybpf.compiler.policy.text.positions import STRING, Node, Scalar
from pybpf.compiler.policy.text.report import Report

LAST_TYPE: Final = 255
PROTOCOLS: Final[Table[str, Protocol]] = dict(zip(FAMILIES, (Protocol.ICMP, Protocol.ICMPV6), strict=True))
TYPES: Final[Table[Protocol, Table[str, int]]] = {
    Protocol.ICMP: {
        "EchoReply": 0,
        "DestinationUnreachable": 3,
        "Redirect": 5,
        "Echo": 8,
        "EchoRequest": 8,
        "RouterAdvertisement": 9,
        "RouterSelection": 10,
        "TimeExceeded": 11,
        "ParameterProblem": 12,
        "Timestamp": 13,
        "TimestampReply": 14,
        "Photuris": 40,
        "ExtendedEchoRequest": 42,
        "ExtendedEchoReply": 43,
    },
    Protocol.ICMPV6: {
        "DestinationUnreachable": 1,
        "PacketTooBig": 2,
        "TimeExceeded": 3,
        "ParameterProblem": 4,
        "EchoRequest": 128,
        "EchoReply": 129,
        "MulticastListenerQuery": 130,
        "MulticastListenerReport": 131,
        "MulticastListenerDone": 132,
        "RouterSolicitation": 133,
        "RouterAdvertisement": 134,
        "NeighborSolicitation": 135,
        "NeighborAdvertisement": 136,
        "RedirectMessage": 137,
        "RouterRenumbering": 138,
        "ICMPNodeInformationQuery": 139,
        "ICMPNodeInformationResponse": 140,
        "InverseNeighborDiscoverySolicitation": 141,
        "InverseNeighborDiscoveryAdvertisement": 142,
        "HomeAgentAddressDiscoveryRequest": 144,
        "HomeAgentAddressDiscoveryReply": 145,
        "MobilePrefixSolicitation": 146,
        "MobilePrefixAdvertisement": 147,
        "DuplicateAddressRequestCodeSuffix": 157,
        "DuplicateAddressConfirmationCodeSuffix": 158,
        "ExtendedEchoRequest": 160,
        "ExtendedEchoReply": 161,
    },
}


def icmp_rule(node: Node, report: Report) -> PortRule:
    """One element of icmps. Without fields it covers nothing."""
    found = fields(node, ICMP, report)
    listed = items(found["fields"].value, report) if "fields" in found else ()
    if len(listed) > MAX_ICMP_FIELDS:
        message = f"too many types, the max is {MAX_ICMP_FIELDS}"
        report.refuse("policy-too-many", listed[MAX_ICMP_FIELDS].span, message, "spread them over several elements of icmps")
    types = [_type(each, report) for each in listed]
    return PortRule(tuple(each for each in types if each is not None), None, (), None, None, None, node.span)


def _type(node: Node, report: Report) -> IcmpType | None:
    """One field; None after a report."""
    found = fields(node, ICMP_FIELD, report)
    family = choice(found["family"].value, FAMILIES, report) if "family" in found else None
    protocol = PROTOCOLS[family.value] if family is not None else Protocol.ICMP
    if "type" not in found:
        return None
    written = found["type"].value
    if not isinstance(written, Scalar) or written.kind != STRING:
        return IcmpType(protocol, integer(written, 0, LAST_TYPE, report), node.span)
    if written.value.isdecimal() and written.value.isascii() and int(written.value) <= LAST_TYPE:
        return IcmpType(protocol, int(written.value), node.span)
    number = TYPES[protocol].get(written.value)
    if number is None:
        message = f"{written.value!r} is not the name of an {protocol.name} type"
        report.refuse("policy-icmp-type", written.span, message, _nearest(written.value, protocol))
        return None
    return IcmpType(protocol, number, node.span)


def _nearest(name: str, protocol: Protocol) -> str:
    """A hint: another family that has the name, or the nearest name of this one."""
    for other, types in TYPES.items():
        if other is not protocol and name in types:
            return f"add `family: {FAMILIES[1] if other is Protocol.ICMPV6 else FAMILIES[0]}`, which has that type"
    return did_you_mean(name, TYPES[protocol])
