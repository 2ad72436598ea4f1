"""Elements of `ports` -> destination ports: numbers, ranges, names, or every port of a protocol."""

from __future__ import annotations

import re
from typing import Final

from pybpf.compiler.policy.cilium.port_shapes import PORT
from pybpf.compiler.policy.cilium.texts import string
from pybpf.compiler.policy.kubernetes.names import is_port_name
from pybpf.compiler.policy.model.ports import LAST_PORT, WITH_PORTS, NamedPort, Port, PortRange, Protocol
from pybpf.compiler.policy.text.fields import Text, did_you_mean, fields, integer
from pybpf.compiler.policy.text.positions import Entry, Node
from pybpf.compiler.policy.text.report import Report

EVERY_PORT: Final = "0"
# Cilium reads numbers in the base that they seem to have, where a leading zero means octal: refused here.
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,4}")
# What goes over a protocol, and is none itself here.
_CARRIED: Final = dict.fromkeys(("HTTP", "HTTPS", "TLS", "HTTP2", "GRPC", "KAFKA"), "TCP") | {"DNS": "UDP", "QUIC": "UDP"}
_ICMP: Final = (Protocol.ICMP, Protocol.ICMPV6)
_PROTOCOLS: Final = {each.name: each for each in Protocol if each not in _ICMP}
_PORT_HINT: Final = 'write a number from 1 to 65535 in quotes, "0" for every port, or a name of at most 15 letters, digits and \'-\''


def port(node: Node, report: Report) -> Port | None:
    """One element of `ports`; None after a report. The protocol is any of TCP, UDP and SCTP unless one is written."""
    already = report.errors
    found = fields(node, PORT, report)
    protocol = _protocol(string(found["protocol"].value, report), report) if "protocol" in found else Protocol.ANY
    written = string(found["port"].value, report) if "port" in found else None
    last = integer(found["endPort"].value, 0, LAST_PORT, report) if "endPort" in found else 0
    if protocol is None or report.errors > already:
        return None
    if protocol is not Protocol.ANY and protocol not in WITH_PORTS:
        return _whole(protocol, written, found.get("endPort"), node, report)
    if written is None or not written.value:
        place = written.span if written is not None else node.span
        report.refuse("policy-port-text", place, "Port must be specified", 'add `port`: a number in quotes, "0" for every port')
        return None
    if is_port_name(written.value.lower()):
        return _named(protocol, written, found.get("endPort"), node, report)
    if not _NUMBER.fullmatch(written.value) or int(written.value) > LAST_PORT:
        first, dash, end = written.value.partition("-")
        is_range = dash and first.isdecimal() and end.isdecimal()
        hint = f'write port: "{first}" and endPort: {end}' if is_range else _PORT_HINT
        report.refuse("policy-port-text", written.span, f"unable to parse port: {written.value!r}", hint)
        return None
    return _range(protocol, int(written.value), last, found.get("endPort"), node, report)


def _protocol(written: Text | None, report: Report) -> Protocol | None:
    """The protocol, in any case; an empty one is any, as if the key were absent. None after a report."""
    if written is None:
        return None
    name = written.value.upper() or Protocol.ANY.name
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if name in {each.name for each in _ICMP}:
        message = f"{written.value} has types instead of ports"
        report.refuse("policy-protocol", written.span, message, "write `icmps` instead of `toPorts`")
        return None
    hint = f"write {_CARRIED[name]}, which carries it" if name in _CARRIED else did_you_mean(name, _PROTOCOLS)
    report.refuse("policy-protocol", written.span, f"unknown protocol {written.value!r}", hint)
    return None


def _whole(protocol: Protocol, written: Text | None, last: Entry | None, node: Node, report: Report) -> PortRange | None:
    """All of a protocol that has no ports."""
    if last is not None or (written is not None and written.value not in ("", EVERY_PORT)):
        place = written.span if written is not None and written.value not in ("", EVERY_PORT) else node.span
        report.refuse("policy-protocol", place, f"port must be empty or 0: {protocol.name} has no ports", "remove the port")
        return None
    return PortRange(protocol, 0, LAST_PORT, node.span)


def _named(protocol: Protocol, name: Text, last: Entry | None, node: Node, report: Report) -> NamedPort | None:
    if last is not None:
        report.refuse("policy-port-text", last.key.span, "a range cannot begin at a name", "write the number, or remove endPort")
        return None
    return NamedPort(protocol, name.value.lower(), node.span)


def _range(protocol: Protocol, first: int, last: int, entry: Entry | None, node: Node, report: Report) -> PortRange | None:
    """The ports from `first` to `last`; `last` is not above `first` where there is one port alone, as Cilium has it."""
    if first == 0 and entry is not None and last > 0:
        report.refuse("policy-port-text", entry.key.span, "a range cannot begin at 0, which stands for every port", 'begin at "1", or remove endPort')
        return None
    if first == 0:
        return PortRange(protocol, 0, LAST_PORT, node.span)
    if entry is not None and 0 < last < first:
        message = f"the range ends at {last}, before it begins; it is read as port {first} alone"
        report.warn("lint-port-range", entry.value.span, message, f"write an endPort above {first}, or remove it")
    return PortRange(protocol, first, max(first, last), node.span)
