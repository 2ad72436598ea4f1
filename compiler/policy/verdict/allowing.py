"""What allows make of a connection that they cover: all of one level together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.flow import (
    DnsQuery,
    Fit,
    Flow,
    HttpRequest,
    KafkaRequest,
    Outcome,
    Party,
    Step,
)
from pybpf.compiler.policy.model.labels import RESERVED, selects
from pybpf.compiler.policy.model.layer7 import Dns, Generic, Http, Kafka, KafkaRule
from pybpf.compiler.policy.model.peers import Cidr, DnsNames, DnsPattern, Endpoints, Entities, Nodes, Peer
from pybpf.compiler.policy.model.policy import Authentication
from pybpf.compiler.policy.model.ports import PortRange, Protocol
from pybpf.compiler.policy.model.resolved import Entry, Identity
from pybpf.compiler.policy.patterns import accepts_name, dns_pattern
from pybpf.compiler.policy.resolve.peers import ENTITY_LABELS
from pybpf.compiler.policy.verdict.connections import full_name, matched_ports
from pybpf.compiler.policy.verdict.requests import (
    covers_kafka,
    dns_fit,
    http_fit,
    kafka_fit,
    names_server,
)


@dataclass(frozen=True, slots=True)
class Judge:
    """The flow, and who its other end is."""

    flow: Flow
    identity: Identity
    peer: Party


@dataclass(frozen=True, slots=True)
class Decision:
    """What a level decided, by which entry, and the place of the rule or request rule."""

    outcome: Outcome
    entry: Entry | None
    span: Span | None
    authenticated: bool = False


def allowing(allows: Sequence[Entry], judge: Judge, steps: list[Step]) -> Decision:
    """ALLOW by the first that lets the flow pass; INSPECT when a request or server name that is not known decides; else
    REFUSE_REQUEST, by the first of them. `allows` cover the connection and are not empty."""
    unknown: Entry | None = None
    candidates = asked(allows, judge.flow)
    authenticated = _authenticated(allows, judge.flow)
    for entry in candidates:
        fit, span = _fit(entry, candidates, judge, steps)
        if fit is Fit.COVERS:
            return Decision(Outcome.ALLOW, entry, span, authenticated)
        if fit is Fit.INSPECTS:
            unknown = unknown or entry
    if unknown is not None:
        return Decision(Outcome.INSPECT, unknown, entry_span(unknown), authenticated)
    if _all_topics_covered(candidates, judge):
        return Decision(Outcome.ALLOW, candidates[0], entry_span(candidates[0]), authenticated)
    return Decision(Outcome.REFUSE_REQUEST, candidates[0], entry_span(candidates[0]), authenticated)


def layer7_fit(entry: Entry, judge: Judge, steps: list[Step]) -> tuple[Fit, Span | None]:
    """COVERS when requests are not looked at or one rule matches; INSPECTS while there is no request; else the last misfit."""
    layer7 = entry.port_rule.layer7 if entry.port_rule is not None and entry.checked else None
    if layer7 is None:
        return Fit.COVERS, entry_span(entry)
    request = judge.flow.request
    if request is None:
        steps.append(Step(entry, entry_span(entry), Fit.INSPECTS, Fit.INSPECTS.value))
        return Fit.INSPECTS, entry_span(entry)
    found: list[tuple[Fit, Span]] = []
    match layer7, request:
        case Http(rules=rules), HttpRequest():
            found = [(http_fit(rule, request), rule.span) for rule in rules]
        case Dns(patterns=patterns), DnsQuery():
            found = [(dns_fit(pattern, request), pattern.span) for pattern in patterns]
        case Kafka(rules=kafka_rules), KafkaRequest():
            found = [(kafka_fit(rule, request), rule.span) for rule in kafka_rules]
        case (Http() | Dns() | Kafka() | Generic()), _:
            found = []  # of another protocol than the rules are about: nothing matches
    steps += [Step(entry, span, fit, fit.value) for fit, span in found]
    return next(((fit, span) for fit, span in found if fit is Fit.COVERS), (found[-1][0] if found else Fit.PROTOCOL, entry_span(entry)))


def entry_span(entry: Entry) -> Span | None:
    """Where an entry was written: its ports if it has any, else its rule."""
    if entry.port_rule is not None:
        return entry.port_rule.span
    return entry.rule.span if entry.rule is not None else None


def _fit(entry: Entry, allows: Sequence[Entry], judge: Judge, steps: list[Step]) -> tuple[Fit, Span | None]:
    wanted = server_names_of(entry, allows, judge)
    if wanted:
        if not judge.flow.server_name_known and judge.flow.protocol is Protocol.TCP:
            steps.append(Step(entry, entry_span(entry), Fit.INSPECTS, Fit.INSPECTS.value))
            return Fit.INSPECTS, entry_span(entry)
        if not names_server(wanted, judge.flow.server_name):
            steps.append(Step(entry, entry_span(entry), Fit.SERVER_NAME, Fit.SERVER_NAME.value))
            return Fit.SERVER_NAME, entry_span(entry)
    return layer7_fit(entry, judge, steps)


def asked(allows: Sequence[Entry], flow: Flow) -> Sequence[Entry]:
    """Those that count. Once one of them has DNS rules, only those of exactly this port do: others are not silenced by it,
    they do not silence it either (Cilium's DNS proxy looks up one port and protocol)."""
    exact = [entry for entry in allows if any(_is_exactly(port, flow) for port in matched_ports(entry, flow))]
    has_dns = any(entry.checked and entry.port_rule is not None and isinstance(entry.port_rule.layer7, Dns) for entry in exact)
    return exact if has_dns else allows


def _is_exactly(port: object, flow: Flow) -> bool:
    return isinstance(port, PortRange) and port.first == port.last == flow.port


def server_names_of(entry: Entry, allows: Sequence[Entry], judge: Judge) -> tuple[DnsPattern, ...]:
    """The names that one of which must be given: those of every allow of the same peer and port together."""
    ports, peers = _ranges(entry, judge.flow), covering_peers(entry, judge)
    return tuple(
        name
        for other in allows
        if other.checked and other.port_rule is not None and other.port_rule.server_names
        if _ranges(other, judge.flow) & ports and covering_peers(other, judge) & peers
        for name in other.port_rule.server_names
    )


def covering_peers(entry: Entry, judge: Judge) -> frozenset[Peer | None]:
    """The peers of an entry's rule that are the flow's, as written; None for a rule about anybody."""
    if entry.rule is None or entry.rule.peers is None:
        return frozenset({None})
    return frozenset(peer for peer in entry.rule.peers if _may_be(peer, judge))


def _ranges(entry: Entry, flow: Flow) -> frozenset[tuple[int, int]]:
    """The ports of an entry that the flow goes to, whether written for its protocol or for any."""
    return frozenset((port.first, port.last) if isinstance(port, PortRange) else (port.number, port.number) for port in matched_ports(entry, flow))


def _may_be(peer: Peer, judge: Judge) -> bool:
    """Whether the other end may be a peer, as far as its labels, its network and its names tell."""
    match peer:
        case Endpoints(selector) | Nodes(selector):
            return selects(selector, judge.identity.labels)
        case Cidr(network):
            own = judge.identity.network
            return own is None or (own.version == network.version and own.network_address in network and own.prefixlen >= network.prefixlen)
        case DnsNames(pattern):
            return any(accepts_name(dns_pattern, pattern, full_name(name)) for name in judge.peer.names)
        case Entities(entity):
            reserved = {label.key for label in judge.identity.labels if label.source == RESERVED}
            return entity not in ENTITY_LABELS or not reserved.isdisjoint(ENTITY_LABELS[entity])
        case _:
            return True


def _all_topics_covered(allows: Sequence[Entry], judge: Judge) -> bool:
    """Whether Kafka rules of several entries cover a request together, topic by topic; those whose server name is another do not."""
    if not isinstance(judge.flow.request, KafkaRequest):
        return False
    rules: list[KafkaRule] = []
    for entry in allows:
        wanted = server_names_of(entry, allows, judge)
        if wanted and not (judge.flow.server_name_known and names_server(wanted, judge.flow.server_name)):
            continue
        if entry.port_rule is not None and entry.checked and isinstance(entry.port_rule.layer7, Kafka):
            rules += entry.port_rule.layer7.rules
    return covers_kafka(rules, judge.flow.request)


def _authenticated(allows: Sequence[Entry], flow: Flow) -> bool:
    """Whether the ends must prove who they are. The most specific entries decide if they say anything, else any that does; of two
    that disagree, which Cilium refuses, the one that asks for it."""
    most = max(_specific(entry, flow) for entry in allows)
    deciding = [entry.authentication for entry in allows if entry.authentication is not None and _specific(entry, flow) == most]
    said = deciding or [entry.authentication for entry in allows if entry.authentication is not None]
    return any(each is not Authentication.DISABLED for each in said)


def _specific(entry: Entry, flow: Flow) -> tuple[int, bool]:
    """Longer for fewer ports, then for some peers: as the kernel's lookup would choose."""
    widths = [port.last - port.first + (65536 if port.protocol is Protocol.ANY else 0) if isinstance(port, PortRange) else 0 for port in matched_ports(entry, flow)]
    return -min(widths, default=1 << 20), entry.peers.identities is not None
