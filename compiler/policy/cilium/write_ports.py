"""Port rules -> elements of toPorts and icmps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pybpf.compiler.policy.cilium.envoy import CERTIFICATE, PRIVATE_KEY, TRUSTED_CA
from pybpf.compiler.policy.cilium.icmp import PROTOCOLS
from pybpf.compiler.policy.cilium.plain import Data, Object, not_in_cilium
from pybpf.compiler.policy.cilium.port_shapes import MAX_ICMP_FIELDS, MAX_PORTS
from pybpf.compiler.policy.cilium.ports import EVERY_PORT
from pybpf.compiler.policy.cilium.write_layer7 import written_rules
from pybpf.compiler.policy.model.policy import Listener, PortRule, TlsContext
from pybpf.compiler.policy.model.ports import (
    LAST_PORT,
    WITH_PORTS,
    IcmpType,
    NamedPort,
    Port,
    PortRange,
    Protocol,
)
from pybpf.compiler.policy.text.report import Report

_FAMILIES: Final = {protocol: family for family, protocol in PROTOCOLS.items()}


def written_ports(rules: Sequence[PortRule] | None, report: Report) -> list[Object]:
    """What port rules say, as parts of rules that add up: none, one with toPorts, one with icmps, or both."""
    if rules is None:
        return [{}]
    # An element without ports covers nothing, in either list: it stands with its neighbours.
    only_types = any(each.ports for each in rules) and all(_types(each) == each.ports and _is_bare(each) for each in rules)
    if only_types:
        return [{"icmps": [element for each in rules for element in _icmps(each)]}]
    to_ports = [element for each in rules if _numbers(each) or not each.ports for element in _to_ports(each, report)]
    icmps = [element for each in rules if _types(each) for element in _icmps(each)]
    for each in rules:
        if _types(each) and not _is_bare(each):
            not_in_cilium(each.span, "requests or server names in ICMP messages", report)
    parts: list[Object] = [{"toPorts": to_ports or [{}]}] if to_ports or not icmps else []
    return [*parts, {"icmps": icmps}] if icmps else parts


def _is_bare(rule: PortRule) -> bool:
    """Whether a rule says nothing but ports."""
    said = (rule.layer7, rule.terminating_tls, rule.originating_tls, rule.listener)
    return not rule.server_names and all(each is None for each in said)


def _types(rule: PortRule) -> tuple[Port, ...]:
    return tuple(each for each in rule.ports if isinstance(each, IcmpType))


def _numbers(rule: PortRule) -> tuple[Port, ...]:
    return tuple(each for each in rule.ports if not isinstance(each, IcmpType))


def _icmps(rule: PortRule) -> list[Data]:
    """The ICMP types of a rule as elements of icmps, as many as their number asks for."""
    fields: list[Data] = [
        {"family": _FAMILIES[each.protocol], "type": each.number} for each in rule.ports if isinstance(each, IcmpType)
    ]
    return [{"fields": fields[at : at + MAX_ICMP_FIELDS]} for at in range(0, len(fields), MAX_ICMP_FIELDS)] or [{}]


def _to_ports(rule: PortRule, report: Report) -> list[Data]:
    """The other ports of a rule as elements of toPorts, as many as their number asks for."""
    written: Object = {}
    if rule.server_names:
        written["serverNames"] = [each.text for each in rule.server_names]
    for key, context in (("terminatingTLS", rule.terminating_tls), ("originatingTLS", rule.originating_tls)):
        if context is not None:
            written[key] = _tls(context)
    if rule.listener is not None:
        written["listener"] = _listener(rule.listener)
    if rule.layer7 is not None:
        written["rules"] = written_rules(rule.layer7, rule.span, report)
    ports = [_port(each, report) for each in _numbers(rule)]
    chunks = [ports[at : at + MAX_PORTS] for at in range(0, len(ports), MAX_PORTS)]
    return [{"ports": chunk, **written} for chunk in chunks] or [written]


def _port(port: Port, report: Report) -> Data:
    match port:
        case NamedPort(protocol, name):
            return {"port": name, "protocol": protocol.name}
        case PortRange(protocol, 0, last) if last == LAST_PORT and protocol not in (Protocol.ICMP, Protocol.ICMPV6):
            return {"port": EVERY_PORT, "protocol": protocol.name}
        case PortRange(protocol, first, last) if first and (protocol is Protocol.ANY or protocol in WITH_PORTS):
            end: Object = {"endPort": last} if last > first else {}
            return {"port": str(first), **end, "protocol": protocol.name}
        case _:
            not_in_cilium(port.span, f"these ports of {port.protocol.name}", report)
            return {}


def _tls(context: TlsContext) -> Data:
    namespace, name = context.secret
    written: Object = {"secret": {"namespace": namespace, "name": name}}
    rows = (("trustedCA", context.trusted_ca, TRUSTED_CA), ("certificate", context.certificate, CERTIFICATE))
    for key, value, default in (*rows, ("privateKey", context.private_key, PRIVATE_KEY)):
        if value != default:
            written[key] = value
    return written


def _listener(listener: Listener) -> Data:
    priority: Object = {"priority": listener.priority} if listener.priority else {}
    return {"envoyConfig": {"kind": listener.kind, "name": listener.config}, "name": listener.name, **priority}
