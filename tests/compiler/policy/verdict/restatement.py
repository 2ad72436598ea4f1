"""What policies mean, said a second time: straight from labels and addresses, without identities, entries or levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from pybpf.compiler.policy.model.flow import Flow, HttpRequest, Outcome, Party
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.labels import NAMESPACE_KEY, Operator, Requirement, Selector
from pybpf.compiler.policy.model.layer7 import Http, HttpRule
from pybpf.compiler.policy.model.peers import Cidr, DnsNames, Endpoints, Entities, Entity, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, PortRule, Rule
from pybpf.compiler.policy.model.ports import IcmpType, PortRange, Protocol


def outcome(policies: Sequence[Policy], inventory: Inventory, flow: Flow) -> Outcome:
    """What the side of the judged endpoint makes of a flow between endpoints, IPv4 addresses and the host."""
    inward = flow.direction is Direction.INGRESS
    own, peer = (flow.destination, flow.source) if inward else (flow.source, flow.destination)
    judged = _endpoint(own, inventory)
    assert judged is not None
    rules = [rule for policy in policies if _chosen(policy.subject.selector, judged) for rule in policy.rules if rule.direction is flow.direction]
    denying = any(flow.direction in policy.default_deny for policy in policies if _chosen(policy.subject.selector, judged) and _speaks(policy, flow))
    if not rules:
        return Outcome.ALLOW
    covering = [(rule, part) for rule in rules if _is_peer(rule, peer, inventory) for part in _parts(rule, flow)]
    if any(rule.action is Action.DENY for rule, _ in covering):
        return Outcome.DENY
    if inward and peer.entity == "host" and denying and not covering:
        return Outcome.ALLOW
    if not covering:
        return Outcome.DENY_DEFAULT if denying else Outcome.ALLOW
    wanted = [part.layer7 if part is not None else None for _, part in covering]
    if any(each is None for each in wanted):
        return Outcome.ALLOW
    if flow.request is None:
        return Outcome.INSPECT
    asked = [rule for each in wanted if isinstance(each, Http) for rule in each.rules]
    return Outcome.ALLOW if any(_asks(rule, flow) for rule in asked) else Outcome.REFUSE_REQUEST


def _speaks(policy: Policy, flow: Flow) -> bool:
    return any(rule.direction is flow.direction for rule in policy.rules)


def _endpoint(party: Party, inventory: Inventory) -> Endpoint | None:
    for each in inventory.endpoints:
        if party.endpoint == (each.namespace, each.name) or party.address in each.addresses:
            return each
    return None


def _chosen(selector: Selector, endpoint: Endpoint) -> bool:
    have = {label.key: label.value for label in endpoint.labels} | {NAMESPACE_KEY: endpoint.namespace}
    return all(_meets(each, have) for each in selector.requirements)


def _meets(requirement: Requirement, have: dict[str, str]) -> bool:
    present, value = requirement.key in have, have.get(requirement.key)
    return {
        Operator.IN: value in requirement.values,
        Operator.NOT_IN: value not in requirement.values,
        Operator.EXISTS: present,
        Operator.DOES_NOT_EXIST: not present,
    }[requirement.operator]


def _is_peer(rule: Rule, party: Party, inventory: Inventory) -> bool:
    return rule.peers is None or any(_is(each, party, inventory) for each in rule.peers)


def _is(peer: Peer, party: Party, inventory: Inventory) -> bool:
    endpoint = _endpoint(party, inventory)
    outside = endpoint is None and party.entity is None
    match peer:
        case Endpoints(selector=selector):
            return endpoint is not None and _chosen(selector, endpoint)
        case Cidr(network=network, excepts=excepts):
            assert party.address is None or isinstance(party.address, IPv4Address)
            return outside and party.address in network and not any(party.address in each for each in excepts)
        case DnsNames(pattern=pattern):
            return outside and pattern.text in party.names
        case Entities(entity=entity):
            return {
                Entity.ALL: True,
                Entity.WORLD: outside,
                Entity.HOST: party.entity == "host",
                Entity.CLUSTER: not outside,
                Entity.NONE: False,
            }[entity]
    raise AssertionError(peer)


def _parts(rule: Rule, flow: Flow) -> Iterator[PortRule | None]:
    """The parts of a rule that the flow's port is in; None for a rule without ports."""
    if rule.port_rules is None:
        yield None
    for part in rule.port_rules or ():
        if any(_goes_to(flow, port) for port in part.ports if not isinstance(port, str)):
            yield part


def _goes_to(flow: Flow, port: object) -> bool:
    if isinstance(port, IcmpType):
        return (flow.protocol, flow.port) == (port.protocol, port.number)
    assert isinstance(port, PortRange)
    any_of_three = port.protocol is Protocol.ANY and flow.protocol in (6, 17, 132)
    return (any_of_three or flow.protocol == port.protocol) and port.first <= flow.port <= port.last


def _asks(rule: HttpRule, flow: Flow) -> bool:
    assert isinstance(flow.request, HttpRequest)
    asked = ((rule.method, flow.request.method), (rule.path, flow.request.path))
    return all(wanted is None or wanted.text == value for wanted, value in asked)
