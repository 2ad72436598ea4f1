"""Elements of toPorts -> port rules, and what ports, requests and directions ask of each other."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.policy.cilium.envoy import listener, tls_context
from pybpf.compiler.policy.cilium.layer7 import layer7
from pybpf.compiler.policy.cilium.names import server_name
from pybpf.compiler.policy.cilium.port_shapes import ALLOWED_PORTS, DENIED_PORTS, MAX_PORTS
from pybpf.compiler.policy.cilium.ports import port
from pybpf.compiler.policy.model.layer7 import Dns, Layer7
from pybpf.compiler.policy.model.policy import Direction, PortRule
from pybpf.compiler.policy.model.ports import LAST_PORT, Port, PortRange, Protocol
from pybpf.compiler.policy.text.fields import fields, items
from pybpf.compiler.policy.text.positions import Entry, Listing, Node
from pybpf.compiler.policy.text.report import Report

_DNS_PROTOCOLS: Final = (Protocol.TCP, Protocol.UDP, Protocol.ANY)
_TLS_PROTOCOLS: Final = (Protocol.TCP, Protocol.ANY)


@dataclass(frozen=True, slots=True)
class Side:
    """What a rule's ports need to know of the rule: its direction, whether its subject is a host, the policy's namespace."""

    direction: Direction
    of_host: bool
    namespace: str | None


def allowed(node: Node, side: Side, report: Report) -> PortRule:
    """One element of toPorts of an ingress or egress rule."""
    found = fields(node, ALLOWED_PORTS, report)
    listed = items(found["ports"].value, report) if "ports" in found else ()
    ports = _ports(listed, report)
    names = items(found["serverNames"].value, report) if "serverNames" in found else ()
    servers = tuple(each for each in (server_name(name, report) for name in names) if each is not None)
    requests = layer7(found["rules"].value, side.namespace, report) if "rules" in found else None
    terminating = tls_context(found.get("terminatingTLS"), side.namespace, report)
    originating = tls_context(found.get("originatingTLS"), side.namespace, report)
    taker = listener(found.get("listener"), side.namespace, report)
    if requests is not None:
        _check_direction(requests, side, found["rules"], report)
        _check_ports(requests, ports, listed, found["rules"], report)
    _check_server_names(found, ports, listed, requests, report)
    if "listener" in found:
        _check_listener(found["listener"], requests, side, report)
    read = tuple(each for each in ports if each is not None)
    return PortRule(read, requests, servers, terminating, originating, taker, node.span)


def denied(node: Node, report: Report) -> PortRule:
    """One element of toPorts of a deny rule."""
    found = fields(node, DENIED_PORTS, report)
    ports = _ports(items(found["ports"].value, report) if "ports" in found else (), report)
    return PortRule(tuple(each for each in ports if each is not None), None, (), None, None, None, node.span)


def _ports(listed: tuple[Node, ...], report: Report) -> list[Port | None]:
    """The ports of a list; None for each that was refused."""
    if len(listed) > MAX_PORTS:
        message = f"too many ports, the max is {MAX_PORTS}"
        report.refuse("policy-too-many", listed[MAX_PORTS].span, message, "spread them over several elements of toPorts")
    return [port(each, report) for each in listed]


def _check_direction(requests: Layer7, side: Side, rules: Entry, report: Report) -> None:
    """DNS is asked outwards; on hosts, nothing but DNS is looked at."""
    is_dns = isinstance(requests, Dns)
    if is_dns and side.direction is Direction.INGRESS:
        hint = "move them to an egress rule of those who ask; a DNS server is protected by its port alone"
        report.refuse("policy-layer7-direction", rules.key.span, "DNS rules are not allowed on ingress", hint)
    elif side.of_host and not is_dns:
        message = "host policies do not support L7 rules yet, other than DNS rules on egress"
        report.refuse("policy-layer7-direction", rules.key.span, message, "remove `rules`, or write a policy with an endpointSelector")


def _check_ports(requests: Layer7, ports: list[Port | None], listed: tuple[Node, ...], rules: Entry, report: Report) -> None:
    """Requests are looked at on single ports: of TCP, for DNS of UDP too."""
    is_dns = isinstance(requests, Dns)
    if is_dns and not ports:
        report.refuse("policy-layer7-port", rules.key.span, "Port 53 must be specified for DNS rules", 'add `ports`: [{port: "53", protocol: ANY}]')
    for read, node in zip(ports, listed, strict=True):
        if read is None:
            continue
        if read.protocol not in (_DNS_PROTOCOLS if is_dns else (Protocol.TCP,)):
            message = f"L7 rules can only apply to TCP (not {read.protocol.name}) except for DNS rules"
            report.refuse("policy-layer7-protocol", node.span, message, "write `protocol: TCP`" + (", UDP or ANY" if is_dns else ""))
        if _is_every_port(read):
            message = "L7 rules can not be used when a port is 0"
            report.refuse("policy-layer7-port", node.span, message, "name the ports that serve this protocol")
        elif is_dns and isinstance(read, PortRange) and read.first != read.last:
            report.refuse("policy-layer7-port", node.span, "DNS rules do not support port ranges", "name each port by itself")


def _is_every_port(read: Port) -> bool:
    return isinstance(read, PortRange) and (read.first, read.last) == (0, LAST_PORT)


def _check_server_names(
    found: Table[str, Entry], ports: list[Port | None], listed: tuple[Node, ...], requests: Layer7 | None, report: Report
) -> None:
    """Server names are those of TLS, over TCP; requests within TLS can only be seen where it ends."""
    if "serverNames" not in found:
        return
    place = found["serverNames"].key.span
    if isinstance(found["serverNames"].value, Listing) and not found["serverNames"].value.items:
        message = "an empty list of server names asks for no name, and not even for TLS"
        report.refuse("policy-server-name", found["serverNames"].value.span, message, "write a name, or remove the key")
    if requests is not None and "terminatingTLS" not in found:
        message = "ServerNames are not allowed with L7 rules without TLS termination"
        report.refuse("policy-server-name", place, message, "remove one of the two, or add terminatingTLS")
    for read, node in zip(ports, listed, strict=True):
        if read is not None and read.protocol not in _TLS_PROTOCOLS:
            message = f"server names are those of TLS, which goes over TCP and not over {read.protocol.name}"
            report.refuse("policy-server-name", node.span, message, "write `protocol: TCP`")


def _check_listener(entry: Entry, requests: Layer7 | None, side: Side, report: Report) -> None:
    if side.direction is Direction.INGRESS:
        report.refuse("policy-listener", entry.key.span, "Listener is not allowed on ingress", "remove it, or move it to an egress rule")
    if requests is not None:
        report.refuse("policy-listener", entry.key.span, "Listener is not allowed with L7 rules", "remove one of the two")
