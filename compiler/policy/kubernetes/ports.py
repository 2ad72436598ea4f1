"""Elements of `ports` -> destination ports: numbers, ranges, names, or every port of a protocol."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.kubernetes.names import is_port_name
from pybpf.compiler.policy.kubernetes.shapes import PORT, PROTOCOLS
from pybpf.compiler.policy.model.ports import LAST_PORT, NamedPort, Port, PortRange, Protocol
from pybpf.compiler.policy.text.fields import choice, fields, integer, text
from pybpf.compiler.policy.text.positions import STRING, Node, Scalar
from pybpf.compiler.policy.text.report import Report

_NAME_HINT: Final = "write a number without quotes, or a name of at most 15 small letters, digits and '-'"


def port(node: Node, report: Report) -> Port:
    """One element of `ports`. The protocol is TCP unless another is written, the port every port unless one is."""
    already = report.errors
    found = fields(node, PORT, report)
    written = choice(found["protocol"].value, PROTOCOLS, report) if "protocol" in found else None
    protocol = Protocol[written.value] if written is not None else Protocol.TCP
    if "port" not in found:
        if "endPort" in found:
            report.refuse("policy-port", found["endPort"].key.span, "endPort has no port to begin at", "add `port`, the first one")
        return PortRange(protocol, 0, LAST_PORT, node.span)
    first = found["port"].value
    if isinstance(first, Scalar) and first.kind == STRING:
        if "endPort" in found:
            report.refuse("policy-port", found["endPort"].key.span, "a range cannot begin at a name", "write the number, or remove endPort")
        return _named(node, first, protocol, report)
    number = integer(first, 1, LAST_PORT, report)
    last = integer(found["endPort"].value, 1, LAST_PORT, report) if "endPort" in found else number
    if last < number and report.errors == already:
        message = f"the range ends at {last}, before it begins at {number}"
        report.refuse("policy-port", found["endPort"].value.span, message, f"write an endPort from {number} to {LAST_PORT}")
    return PortRange(protocol, number, last, node.span)


def _named(node: Node, name: Scalar, protocol: Protocol, report: Report) -> NamedPort:
    """A port by its name."""
    written = text(name, report)
    if not is_port_name(written.value):
        hint = f"write {written.value} without quotes" if written.value.isdecimal() else _NAME_HINT
        report.refuse("policy-port", written.span, f"{written.value!r} is not the name of a port", hint)
    return NamedPort(protocol, written.value, node.span)
