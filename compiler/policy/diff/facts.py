"""What no label and no file tells: who stands behind a service, which networks are in a group that is defined elsewhere.

Each peer of that kind becomes a fact of its own, a name. A workload is told to be behind a service by a label of that name,
an address to be behind one or in a group by a group of networks of that name. Every sort of workload and every network is then
imagined under every set of facts. More can be imagined than can be (two names may be one service), and so nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import combinations, islice
from typing import Final, TypeAlias

from pybpf.compiler.policy.diff.population import Stated, free_addresses
from pybpf.compiler.policy.diff.regions import SYNTHETIC
from pybpf.compiler.policy.diff.unproven import Unproven
from pybpf.compiler.policy.model.inventory import CidrGroup
from pybpf.compiler.policy.model.labels import (
    KUBERNETES,
    NAMESPACE_KEY,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.model.peers import CidrGroups, Endpoints, Network, Peer, Services
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.resolve.identities import Identities
from pybpf.compiler.policy.resolve.peers import chooses_group

MAX_FACTS: Final = 4
Names: TypeAlias = Mapping[Peer, str]  # peers without exceptions -> facts


@dataclass(frozen=True, slots=True)
class Facts:
    """Both sides with facts for peers, the names of all facts, and the networks that each side knows to be in a fact's group."""

    old: Stated
    new: Stated
    names: tuple[str, ...]


def with_facts(old: Stated, new: Stated) -> Facts:
    """Both sides with facts for what is not known. Unproven for more than MAX_FACTS."""
    wanted = [peer for stated in (old, new) for peer in _peers(stated.policies) if _is_open(peer, stated.groups)]
    names: dict[Peer, str] = {}
    for peer in map(_bare, wanted):
        if peer not in names:
            text = _text(peer)
            names[peer] = text if text not in names.values() else f"{text} ({len(names)})"
    if len(names) > MAX_FACTS:
        raise Unproven(f"policies name {len(names)} services and groups of networks of which it is not known who they are")
    return Facts(_with_facts(old, names), _with_facts(new, names), tuple(names.values()))


def members(facts: Sequence[str], networks: Iterable[Network]) -> Iterator[tuple[Network, tuple[str, ...]]]:
    """For each network and each set of facts, an address (as a network of one) that is in this network, and in no smaller one, and for
    which these facts hold. Unproven for a network with too few addresses."""
    known = Identities({}, {}, {}, dict.fromkeys(networks, 0))
    together = [each for size in range(1, len(facts) + 1) for each in combinations(facts, size)]
    for network in known.of_network if together else ():
        found = list(islice(free_addresses(network, known), len(together) + 1))  # one to spare, for which no fact holds
        if 0 < len(found) <= len(together):
            raise Unproven(f"it is not known whether {network} is {facts[0]}")
        yield from ((ip_network(address), each) for address, each in zip(found[1:], together, strict=False))


def with_members(stated: Stated, found: Iterable[tuple[Network, tuple[str, ...]]]) -> Stated:
    """A side whose groups of facts have these networks besides those that are known to be in them."""
    more: dict[str, list[Network]] = {}
    for network, facts in found:
        for fact in facts:
            more.setdefault(fact, []).append(network)
    return replace(stated, groups=tuple(replace(each, networks=(*each.networks, *more.get(each.name, ()))) for each in stated.groups))


def _peers(policies: Iterable[Policy]) -> Iterator[Peer]:
    return (peer for policy in policies for rule in policy.rules for peer in rule.peers or ())


def _is_open(peer: Peer, groups: Iterable[CidrGroup]) -> bool:
    """Whether files do not tell whom a peer is about: a group by labels may always be one more."""
    if isinstance(peer, CidrGroups):
        return peer.selector is not None or not any(chooses_group(peer, group) for group in groups)
    return isinstance(peer, Services)


def _bare(peer: Peer) -> Peer:
    """Exceptions are no part of what a group is."""
    return replace(peer, excepts=()) if isinstance(peer, CidrGroups) else peer


def _text(peer: Peer) -> str:
    """What people call the fact. No name of a group is like it."""
    name = getattr(peer, "name", None) or "by labels"
    if isinstance(peer, Services):
        return f"behind service {peer.namespace}/{name}" if peer.namespace is not None else f"behind service {name}"
    return f"in group {name}"


def _with_facts(stated: Stated, names: Names) -> Stated:
    groups = [*stated.groups, *(CidrGroup(name, (), _known(peer, stated.groups)) for peer, name in names.items())]
    return Stated(tuple(_policy(each, stated.groups, names) for each in stated.policies), tuple(groups))


def _known(peer: Peer, groups: Iterable[CidrGroup]) -> tuple[Network, ...]:
    """The networks that are in a fact's group for sure."""
    if not isinstance(peer, CidrGroups):
        return ()
    return tuple(network for group in groups if chooses_group(peer, group) for network in group.networks)


def _policy(policy: Policy, groups: Sequence[CidrGroup], names: Names) -> Policy:
    rules = (
        replace(rule, peers=tuple(each for peer in rule.peers for each in _meant(peer, groups, names))) if rule.peers is not None else rule
        for rule in policy.rules
    )
    return replace(policy, rules=tuple(rules))


def _meant(peer: Peer, groups: Sequence[CidrGroup], names: Names) -> tuple[Peer, ...]:
    """A peer in terms of facts."""
    if not _is_open(peer, groups):
        return (peer,)
    name = names[_bare(peer)]
    match peer:
        case CidrGroups(excepts=excepts, span=span):
            return (CidrGroups(name, None, excepts, span),)
        case Services(namespace=namespace, span=span):
            scope = (Operator.EXISTS,) if namespace is None else (Operator.IN, (namespace,))
            behind = (Requirement(SYNTHETIC, name, Operator.EXISTS), Requirement(KUBERNETES, NAMESPACE_KEY, *scope))
            return Endpoints(Selector(behind, span)), CidrGroups(name, None, (), span)
    raise AssertionError(f"{peer} is not open")
