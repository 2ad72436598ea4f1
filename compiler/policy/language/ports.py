"""Trees of ports -> ports. A port without a protocol is one of TCP."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from lark import Tree

from pybpf.compiler.policy.cilium.icmp import LAST_TYPE, TYPES
from pybpf.compiler.policy.kubernetes.names import is_port_name
from pybpf.compiler.policy.language.context import Context, variable
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.model.ports import (
    LAST_PORT,
    WITH_PORTS,
    IcmpType,
    NamedPort,
    Port,
    PortRange,
    Protocol,
)
from pybpf.compiler.policy.text.fields import Text, did_you_mean

_PORT: Final = re.compile(r"(0|[1-9][0-9]{0,4})(?:-(0|[1-9][0-9]{0,4}))?")
_PROTOCOLS: Final = {each.name.lower(): each for each in Protocol}
_OF_PORTS: Final = {each.name.lower(): each for each in (*WITH_PORTS, Protocol.ANY)}
_PORT_HINT: Final = "write a number from 1 to 65535, a range such as 8000-8100, or a name of at most 15 letters, digits and '-'"


def ports(node: Node, context: Context) -> tuple[Port, ...]:
    """The ports of a list."""
    found: list[Port] = []
    for each in node.children:
        assert isinstance(each, Tree), each
        if each.data == "variable":
            meant = variable(each, ("ports",), context)
            found += ports(meant.value, context.inside(meant)) if meant is not None else ()
            continue
        read = _READERS[each.data](each, context)
        found += (read,) if read is not None else ()
    return tuple(found)


def type_name(port: IcmpType) -> str:
    """How an ICMP type is called: `echo-request`, or its number."""
    names = [name for name, number in TYPES[port.protocol].items() if number == port.number]
    return _hyphenated(max(names, key=len)) if names else str(port.number)


def _port(node: Node, context: Context) -> Port | None:
    written = context.word(node.children[0])
    number, slash, name = written.value.partition("/")
    protocol = _OF_PORTS.get(name.lower() if slash else "tcp")
    if protocol is None:
        if name.lower() in _PROTOCOLS:
            hint = "write `icmp TYPE`" if name.lower().startswith("icmp") else f"write `protocol {name.lower()}`"
            context.report.refuse("policy-protocol", written.span, f"{name} has no ports", hint)
        else:
            context.report.refuse("policy-protocol", written.span, f"unknown protocol {name!r}", did_you_mean(name.lower(), _OF_PORTS))
        return None
    return _numbered(Text(number, written.span), protocol, context)


def _numbered(written: Text, protocol: Protocol, context: Context) -> Port | None:
    """A port, a range or a name of one; None after a report."""
    found = _PORT.fullmatch(written.value)
    if found is None and is_port_name(written.value.lower()):
        return NamedPort(protocol, written.value.lower(), written.span)
    first, last = (int(found[1]), int(found[2] or found[1])) if found is not None else (LAST_PORT + 1, 0)
    if max(first, last) > LAST_PORT:
        context.report.refuse("policy-port-text", written.span, f"{written.value!r} is no port", _PORT_HINT)
        return None
    if last < first:
        context.report.refuse("policy-port-text", written.span, "this range ends before it begins", f"write {last}-{first}")
        return None
    if first == 0 and "-" not in written.value:
        context.report.refuse("policy-port-text", written.span, "there is no port 0", f"write `protocol {protocol.name.lower()}` for every port")
        return None
    return PortRange(protocol, first, last, written.span)


def _icmp(node: Node, context: Context) -> Port | None:
    """An ICMP type by number or name, which may be written EchoRequest or echo-request."""
    protocol = Protocol.ICMP if node.data == "icmp" else Protocol.ICMPV6
    written = context.word(node.children[0])
    if written.value.isdecimal():
        if int(written.value) <= LAST_TYPE:
            return IcmpType(protocol, int(written.value), context.span(node))
        context.report.refuse("policy-icmp-type", written.span, f"{written.value} is no type", f"write a number from 0 to {LAST_TYPE}")
        return None
    names = {_hyphenated(name): number for name, number in TYPES[protocol].items()}
    number = names.get(_hyphenated(written.value))
    if number is None:
        message = f"{written.value!r} is not the name of an {protocol.name} type"
        context.report.refuse("policy-icmp-type", written.span, message, _nearest(written.value, protocol, names))
        return None
    return IcmpType(protocol, number, context.span(node))


def _nearest(name: str, protocol: Protocol, names: Mapping[str, int]) -> str:
    """A hint: the other family if it has the name, or the nearest of this one."""
    other = Protocol.ICMPV6 if protocol is Protocol.ICMP else Protocol.ICMP
    if _hyphenated(name) in {_hyphenated(each) for each in TYPES[other]}:
        return f"write {other.name.lower()} {_hyphenated(name)}"
    return did_you_mean(_hyphenated(name), names)


def _protocol(node: Node, context: Context) -> Port | None:
    """Everything of one protocol."""
    written = context.word(node.children[0])
    protocol = _PROTOCOLS.get(written.value.lower())
    if protocol is None:
        known = did_you_mean(written.value.lower(), _PROTOCOLS)
        context.report.refuse("policy-protocol", written.span, f"unknown protocol {written.value!r}", known)
        return None
    return PortRange(protocol, 0, LAST_PORT, context.span(node))


def _hyphenated(name: str) -> str:
    """EchoRequest -> echo-request; what has hyphens already stays."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


_READERS: Final[Mapping[str, Callable[[Node, Context], Port | None]]] = {
    "port": _port,
    "icmp": _icmp,
    "icmpv6": _icmp,
    "protocol": _protocol,
}
