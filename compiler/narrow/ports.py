"""Positioned nodes -> port rules: ports, protocols, and the HTTP rules on them. One element of toPorts at a time."""

from __future__ import annotations

import difflib
import re
from typing import Final

from pybpf.compiler.narrow.fields import Report, fields, items, require, text
from pybpf.compiler.narrow.model import HttpRule, Port, PortRule, Protocol, Text
from pybpf.compiler.policy.text.positions import Entry, Node

MAX_PORTS: Final = 40  # of one toPorts element, as in Cilium
# Cilium reads ports with strconv.ParseUint in base 0, where a leading zero means octal: refused here.
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,4}")
_SERVICE_NAME: Final = re.compile("(?=.*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_MAX_PORT: Final = 65535
_PROTOCOLS: Final = {protocol.name: protocol for protocol in Protocol}
_PROTOCOLS_NOT_ENFORCED: Final = frozenset({"AH", "ESP", "GRE", "ICMP", "ICMPV6", "IGMP", "IPIP", "IPV6", "VRRP"})
# Stands for a port that was refused; no check on HTTP rules finds fault with it, so one error is not reported as two.
_REFUSED: Final = Port(1, Protocol.TCP)


def port_rule(node: Node, report: Report) -> PortRule:
    """One element of toPorts. An empty list of HTTP rules is none: requests are not looked at."""
    found = fields(node, ("ports", "rules"), report)
    http = _http_rules(found["rules"].value, report) if "rules" in found else ()
    listed = items(found["ports"].value, report) if "ports" in found else ()
    if len(listed) > MAX_PORTS:
        message = f"{len(listed)} ports are too many, {MAX_PORTS} may stand in one list"
        report.refuse("policy-too-many-ports", listed[MAX_PORTS].span, message, "spread them over several toPorts elements")
    ports = tuple(_port(each, report) for each in listed)
    if http:
        for port, each in zip(ports, listed, strict=True):
            _check_http_port(port, each, report)
    return PortRule(ports, http or None, node.span)


def _port(node: Node, report: Report) -> Port:
    found = fields(node, ("port", "protocol"), report)
    protocol = _protocol(text(found["protocol"].value, report), report) if "protocol" in found else Protocol.ANY
    value = require(found, "port", node.span, report)
    number = _number(text(value, report), report) if value is not None else None
    return _REFUSED if number is None or protocol is None else Port(number, protocol)


def _number(written: Text, report: Report) -> int | None:
    """The port number; None when it was refused."""
    if _NUMBER.fullmatch(written.value) and int(written.value) <= _MAX_PORT:
        return int(written.value)
    if _SERVICE_NAME.fullmatch(written.value):
        message = f"pybpf does not enforce ports by name ({written.value!r}) yet"
        report.refuse("policy-not-enforced", written.span, message, "write the number")
        return None
    message = f"{written.value!r} is not a port"
    report.refuse("policy-port", written.span, message, "write a decimal number from 1 to 65535, or 0 for every port")
    return None


def _protocol(written: Text, report: Report) -> Protocol | None:
    """The protocol, in any case; an empty one is any, as if the key were absent. None when it was refused."""
    name = written.value.upper() or Protocol.ANY.name
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if name in _PROTOCOLS_NOT_ENFORCED:
        message, hint = f"pybpf does not enforce rules on {written.value} yet", "use TCP, UDP, SCTP or ANY"
        report.refuse("policy-not-enforced", written.span, message, hint)
        return None
    close = difflib.get_close_matches(name, _PROTOCOLS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "use TCP, UDP, SCTP or ANY"
    report.refuse("policy-protocol", written.span, f"{written.value!r} is not a protocol", hint)
    return None


def _http_rules(node: Node, report: Report) -> tuple[HttpRule, ...]:
    found = fields(node, ("http",), report)
    return tuple(_http_rule(each, report) for each in items(found["http"].value, report)) if "http" in found else ()


def _http_rule(node: Node, report: Report) -> HttpRule:
    found = fields(node, ("method", "path"), report)
    return HttpRule(_pattern(found.get("method"), report), _pattern(found.get("path"), report), node.span)


def _pattern(entry: Entry | None, report: Report) -> Text | None:
    """A method or path as written; None when the key is absent."""
    if entry is None:
        return None
    already = len(report.found)
    written = text(entry.value, report)
    if not written.value and len(report.found) == already:
        # Cilium reads "" as "any". A template that forgot its value must not open everything.
        key = entry.key.value
        report.refuse("policy-http-empty", written.span, f"the {key} is empty", f"write a {key}, or remove the key to allow every {key}")
    return written


def _check_http_port(port: Port, node: Node, report: Report) -> None:
    """HTTP rules need one TCP port to look at."""
    if port.protocol is not Protocol.TCP:
        message = f"HTTP rules need a port of TCP, this one is of {port.protocol.name}"
        report.refuse("policy-http-protocol", node.span, message, "write `protocol: TCP`")
    if port.number == 0:
        report.refuse("policy-http-port", node.span, "HTTP rules need a port, 0 stands for every port", "name the ports that serve HTTP")
