"""Population without an inventory: one member of every region of labels and addresses that policies tell apart.

Only policies that differ can make a difference, so only endpoints that one of them selects are subjects; and of those that select
the same endpoints, only the rules can tell peers apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from itertools import combinations
from typing import Final

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.diff.population import Other, Population, Subject, label_text, outside_address
from pybpf.compiler.policy.diff.regions import PODS, SYNTHETIC, Region, Unproven, cut, within
from pybpf.compiler.policy.model.flow import Party
from pybpf.compiler.policy.model.inventory import CidrGroup, Inventory, Service
from pybpf.compiler.policy.model.labels import (
    CIDR_GROUP,
    KUBERNETES,
    NAMESPACE_KEY,
    NODE,
    RESERVED,
    Label,
    Operator,
    Requirement,
    Selector,
    selects,
)
from pybpf.compiler.policy.model.peers import (
    CidrGroups,
    Endpoints,
    Entities,
    Entity,
    Network,
    Nodes,
    Peer,
    Services,
)
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.model.ports import NamedPort
from pybpf.compiler.policy.model.resolved import (
    FIRST_IDENTITY,
    FIRST_LOCAL_IDENTITY,
    FIRST_NODE_IDENTITY,
    RESERVED_IDENTITIES,
    Identity,
)
from pybpf.compiler.policy.resolve.identities import Identities, network_labels, networks_of, reserved
from pybpf.compiler.policy.resolve.peers import chooses_group

MAX_FACTS: Final = 4
_BEING_MADE: Final = Region(RESERVED, frozenset({Label(RESERVED, "init")}))  # endpoints without labels so far
_NOWHERE: Final = Span(Source("", ""), 1, 1, 1, 2)
_HOST: Final = RESERVED_IDENTITIES["host"]
_WORLDS: Final = {4: RESERVED_IDENTITIES["world-ipv4"], 6: RESERVED_IDENTITIES["world-ipv6"]}
_SERVER: Final = Label(RESERVED, "kube-apiserver")


def imagined(old: Sequence[Policy], new: Sequence[Policy], groups: tuple[CidrGroup, ...]) -> Iterator[Population]:
    """Populations that stand together for every inventory: one for each sort of local host. `groups` are those that both sides
    define alike. Raises Unproven where that would be too many, or where names of ports decide."""
    changed = _changed(old, new)
    if not changed:
        return
    subjects = _subject_regions(changed, [*old, *new])
    deciding = [each for each in dict.fromkeys([*old, *new]) if any(_selects(each, region) for region in subjects)]
    _refuse_named_ports(deciding)
    peers = [peer for policy in deciding for rule in policy.rules for peer in rule.peers or ()]
    inventory, facts = _facts(peers, groups)
    selectors = [each.selector for each in peers if isinstance(each, (Endpoints, Nodes))]
    selectors += [Selector((*each.selector.requirements, _in_namespace(each.namespace)), _NOWHERE) for each in inventory.services if each.selector]
    hosts = _node_regions("host", [*selectors, *_subjects_of_nodes(deciding)], peers)
    for host in hosts:
        yield _population(host, subjects, selectors, peers, deciding, inventory, facts)


def _changed(old: Sequence[Policy], new: Sequence[Policy]) -> list[Policy]:
    """The policies that one side has and the other has not, however often."""
    before, after = set(map(_meaning, old)), set(map(_meaning, new))
    return [each for each in (*old, *new) if (_meaning(each) in before) != (_meaning(each) in after)]


def _meaning(policy: Policy) -> Policy:
    """A policy without what decides nothing."""
    return replace(policy, name="", labels=(), log="", description="", span=_NOWHERE)


def _subject_regions(changed: Sequence[Policy], policies: Sequence[Policy]) -> list[Region]:
    """A region for each set of policies that may select an endpoint together, one of those that changed among them."""
    selectors = list(dict.fromkeys(each.subject.selector for each in policies if isinstance(each.subject, Endpoints)))
    found: dict[frozenset[int], Region] = {}
    for policy in changed:
        wholes = [within(base, policy.subject.selector) for base in (PODS, _BEING_MADE) if isinstance(policy.subject, Endpoints)]
        for region in cut([each for each in wholes if each is not None], selectors):
            labels = region.labels()
            found.setdefault(frozenset(index for index, each in enumerate(selectors) if selects(each, labels)), region)
    return list(found.values())


def _selects(policy: Policy, region: Region) -> bool:
    """Whether a policy may matter to a subject; those for hosts matter to the host."""
    return isinstance(policy.subject, Nodes) or selects(policy.subject.selector, region.labels())


def _subjects_of_nodes(policies: Iterable[Policy]) -> list[Selector]:
    return [each.subject.selector for each in policies if isinstance(each.subject, Nodes)]


def _refuse_named_ports(policies: Iterable[Policy]) -> None:
    for policy in policies:
        for rule in policy.rules:
            for port in (port for each in rule.port_rules or () for port in each.ports):
                if isinstance(port, NamedPort):
                    raise Unproven(f"which port is called {port.name!r} ({port.span}) differs from endpoint to endpoint")


def _facts(peers: Sequence[Peer], groups: tuple[CidrGroup, ...]) -> tuple[Inventory, list[CidrGroup | Service]]:
    """Services and groups of networks for all that peers name, each a fact that an address may be part of."""
    wanted = list(dict.fromkeys(each for each in peers if isinstance(each, Services)))
    services: list[Service] = []
    for index, service in enumerate(wanted):
        name, namespace = service.name or f"service-{index}", service.namespace or f"namespace-{index}"
        labels = _labels_for(service.selector) if service.selector is not None else ()
        behind = Selector((Requirement(SYNTHETIC, f"service-{index}", Operator.EXISTS),), _NOWHERE)
        services += [Service(name, namespace, labels, behind), Service(name, namespace, labels, None)]
    undefined = [each for each in dict.fromkeys(peers) if isinstance(each, CidrGroups) and not any(chooses_group(each, group) for group in groups)]
    named: list[CidrGroup] = []
    for index, peer in enumerate(undefined):
        labels = _labels_for(peer.selector) if peer.selector is not None else ()
        group = CidrGroup(peer.name or f"group-{index}", labels, ())
        if not any(other.name == group.name for other in named):
            named.append(group)
    facts: list[CidrGroup | Service] = [*named, *(each for each in services if each.selector is None)]
    if len(facts) > MAX_FACTS:
        raise Unproven(f"policies name {len(facts)} services and groups of networks, and who is in them is not known")
    return Inventory(services=tuple(services), cidr_groups=(*groups, *named)), facts


def _labels_for(selector: Selector) -> tuple[Label, ...]:
    """Labels that a selector of services or groups chooses."""
    found = {each.key: each.values[0] if each.operator is Operator.IN else "" for each in selector.requirements if each.operator in (Operator.IN, Operator.EXISTS)}
    return tuple(Label(CIDR_GROUP, key, value) for key, value in found.items())


def _in_namespace(namespace: str) -> Requirement:
    return Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, (namespace,))


def _node_regions(kind: str, selectors: Sequence[Selector], peers: Sequence[Peer]) -> list[Region]:
    """The regions of hosts; those that serve the Kubernetes API are apart if some peer is about them."""
    asks = any(isinstance(each, Entities) and each.entity is Entity.KUBE_APISERVER for each in peers)
    asks = asks or any(each.source == RESERVED and each.key == _SERVER.key for selector in selectors for each in selector.requirements)
    bare = frozenset({Label(RESERVED, kind)})
    bases = [Region(NODE, bare), *([Region(NODE, bare | {_SERVER})] if asks else [])]
    return _distinct(cut(bases, selectors), selectors)


def _distinct(regions: Iterable[Region], selectors: Sequence[Selector]) -> list[Region]:
    """A region for each way in which selectors answer."""
    found: dict[tuple[frozenset[Label], frozenset[int]], Region] = {}
    for region in regions:
        labels = region.labels()
        answers = frozenset(index for index, each in enumerate(selectors) if selects(each, labels))
        found.setdefault((region.reserved, answers), region)
    return list(found.values())


def _population(
    host: Region,
    subjects: Sequence[Region],
    selectors: Sequence[Selector],
    peers: Sequence[Peer],
    deciding: Sequence[Policy],
    inventory: Inventory,
    facts: Sequence[CidrGroup | Service],
) -> Population:
    """The population with this sort of host."""
    numbers: dict[int, Identity] = {each.number: each for each in reserved(())}
    numbers[_HOST] = Identity(_HOST, host.labels())
    asked = [Subject(_HOST, (), Party(entity="host"), ("the local host",))]
    for index, region in enumerate(subjects):
        number = FIRST_IDENTITY + index
        numbers[number] = Identity(number, region.labels())
        asked.append(Subject(number, (), Party(endpoint=("", label_text(region.labels()))), (label_text(region.labels()),)))
    others = [Other(_HOST, Party(entity="host"), "host")]
    for index, region in enumerate(_distinct(cut([PODS], selectors), selectors)):
        number = FIRST_IDENTITY + len(subjects) + index
        numbers[number] = Identity(number, region.labels())
        others.append(Other(number, Party(endpoint=("", label_text(region.labels()))), label_text(region.labels())))
    for index, region in enumerate(_node_regions("remote-node", selectors, peers)):
        number = FIRST_NODE_IDENTITY + index
        numbers[number] = Identity(number, region.labels())
        others.append(Other(number, Party(entity="remote-node"), f"another node ({label_text(region.labels())})"))
    for name in ("health", "init", "ingress", "unmanaged"):
        others.append(Other(RESERVED_IDENTITIES[name], Party(entity=name), name))
    filled, of_network = _networks(deciding, inventory, facts, numbers)
    known = Identities(numbers, {}, {}, of_network)
    return Population(filled, known, tuple(asked), (*others, *_outside(known)))


def _networks(
    policies: Sequence[Policy], inventory: Inventory, facts: Sequence[CidrGroup | Service], numbers: dict[int, Identity]
) -> tuple[Inventory, dict[Network, int]]:
    """The identities of outside addresses: of each network, and in each of them one address for each set of facts."""
    found = networks_of(policies, inventory)
    empty = Identities({}, {}, {}, dict.fromkeys(found, 0))
    members: dict[int, list[Network]] = {index: [] for index in range(len(facts))}
    if facts:
        for network in list(found):
            for together in (each for size in range(1, len(facts) + 1) for each in combinations(range(len(facts)), size)):
                address = outside_address(network, empty)
                if address is None:
                    continue
                single = ip_network(address)
                if single == network:
                    raise Unproven(f"whether {network} is part of a service or group of networks is not known")
                found.append(single)
                empty = Identities({}, {}, {}, dict.fromkeys(found, 0))
                for index in together:
                    members[index].append(single)
    of_network = {each: FIRST_LOCAL_IDENTITY + index if each.prefixlen else _WORLDS[each.version] for index, each in enumerate(found)}
    for network, number in of_network.items():
        numbers[number] = Identity(number, network_labels(network), network if network.prefixlen else None)
    return _filled(inventory, {id(fact): tuple(members[index]) for index, fact in enumerate(facts)}), of_network


def _filled(inventory: Inventory, members: dict[int, tuple[Network, ...]]) -> Inventory:
    """The inventory with the addresses that its services and groups have."""
    services = tuple(
        replace(each, backends=tuple(network.network_address for network in members[id(each)])) if id(each) in members else each
        for each in inventory.services
    )
    groups = tuple(replace(each, networks=members[id(each)]) if id(each) in members else each for each in inventory.cidr_groups)
    return replace(inventory, services=services, cidr_groups=groups)


def _outside(known: Identities) -> Iterator[Other]:
    for network, number in known.of_network.items():
        address = outside_address(network, known)
        if address is not None:
            yield Other(number, Party(address=address), f"{address}" + ("" if network == ip_network(address) else f" ({network})"))
