"""What ports, requests and directions ask of each other. The same holds in Cilium's policies (cilium/port_rules.py)."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.layer7 import Dns, Layer7
from pybpf.compiler.policy.model.policy import Direction, PortRule
from pybpf.compiler.policy.model.ports import LAST_PORT, Port, PortRange, Protocol
from pybpf.compiler.policy.text.report import Report

_OF_DNS: Final = (Protocol.TCP, Protocol.UDP, Protocol.ANY)
_OF_TLS: Final = (Protocol.TCP, Protocol.ANY)


def check_port_rule(rule: PortRule, direction: Direction, of_host: bool, report: Report) -> None:
    """Report what cannot stand together."""
    if rule.layer7 is not None:
        _check_direction(rule.layer7, rule.span, direction, of_host, report)
        for port in rule.ports:
            _check_port(rule.layer7, port, report)
    if rule.server_names and rule.layer7 is not None and rule.terminating_tls is None:
        message = "requests within TLS are seen only where TLS ends"
        report.refuse("policy-server-name", rule.span, message, "leave out tls or the requests, or add terminating")
    for port in rule.ports if rule.server_names else ():
        if port.protocol not in _OF_TLS:
            message = f"server names are those of TLS, which goes over TCP and not over {port.protocol.name}"
            report.refuse("policy-server-name", port.span, message, "write a port of tcp")
    if rule.listener is not None and (direction is Direction.INGRESS or rule.layer7 is not None):
        report.refuse("policy-listener", rule.span, "a listener takes connections that go out, whatever is asked for there", "leave it out, or the requests")


def _check_direction(requests: Layer7, span: Span, direction: Direction, of_host: bool, report: Report) -> None:
    is_dns = isinstance(requests, Dns)
    if is_dns and direction is Direction.INGRESS:
        hint = "move them to a rule `to` the resolver, of those who ask; a DNS server is protected by its port alone"
        report.refuse("policy-layer7-direction", span, "DNS queries are looked at where they are sent from", hint)
    elif of_host and not is_dns:
        message = "the requests of hosts are not looked at, other than their DNS queries"
        report.refuse("policy-layer7-direction", span, message, "leave out the requests, or write a policy for endpoints")


def _check_port(requests: Layer7, port: Port, report: Report) -> None:
    is_dns = isinstance(requests, Dns)
    if port.protocol not in (_OF_DNS if is_dns else (Protocol.TCP,)):
        hint = "write /udp, /tcp or /any" if is_dns else "write a port of tcp"
        report.refuse("policy-layer7-protocol", port.span, f"these requests do not go over {port.protocol.name}", hint)
    elif isinstance(port, PortRange) and (port.first, port.last) == (0, LAST_PORT):
        report.refuse("policy-layer7-port", port.span, "requests are not looked at on every port", "name the ports that serve this protocol")
    elif is_dns and isinstance(port, PortRange) and port.first != port.last:
        report.refuse("policy-layer7-port", port.span, "DNS queries are looked at on single ports", "name each port by itself")
