"""Peers and selectors -> words of the language that, read in the same place, are the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, assert_never

from pybpf.compiler.policy.cilium.selectors import Scope, in_scope, in_scope_of_subject
from pybpf.compiler.policy.language.words import quoted
from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    CIDR_GROUP,
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.model.peers import (
    Cidr,
    CidrGroups,
    CloudGroups,
    DnsNames,
    DnsPattern,
    Endpoints,
    Entities,
    Network,
    Nodes,
    Peer,
    Services,
)

Requirements = tuple[Requirement, ...]
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]*")
_VALUE: Final = re.compile(r"[A-Za-z0-9_./-]+")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def peers(listed: Iterable[Peer], scope: Scope) -> str:
    """Alternatives, in their order."""
    return " or ".join(peer_text(each, scope) for each in listed)


def name(text: str) -> str:
    """The name of an object, in quotes where it needs them."""
    return text if _NAME.fullmatch(text) else quoted(text)


def dns_pattern(pattern: DnsPattern) -> str:
    """A DNS name or pattern."""
    is_told = pattern.exact == ("*" not in pattern.text)
    return quoted(pattern.text) if is_told else f"{'exact' if pattern.exact else 'pattern'} {quoted(pattern.text)}"


def subject(selector: Selector, namespace: str | None) -> str:
    """The endpoints that a policy is about."""
    return _selector(selector, lambda asked: in_scope_of_subject(asked, namespace))


def nodes(selector: Selector) -> str:
    """Hosts by their labels."""
    return f"nodes {_labels(selector.requirements)}".rstrip()


def peer_text(peer: Peer, scope: Scope) -> str:
    """One peer, for a policy of this scope."""
    match peer:
        case Endpoints(selector):
            return _selector(selector, lambda asked: in_scope(asked, scope))
        case Nodes(selector):
            return nodes(selector)
        case Entities(entity):
            return entity.value
        case Cidr(network, excepts):
            return f"{network}{_excepts(excepts)}"
        case CidrGroups(called, selector, excepts):
            chosen = name(called) if called is not None else f"with {_labels(selector.requirements if selector is not None else ())}"
            return f"cidr-group {chosen}{_excepts(excepts)}"
        case Services(called, selector, namespace):
            chosen = name(called) if called is not None else f"with {_labels(selector.requirements if selector is not None else ())}"
            return f"service {chosen} {'in any namespace' if namespace is None else f'in namespace {name(namespace)}'}"
        case DnsNames(pattern):
            return f"name {dns_pattern(pattern)}"
        case CloudGroups(provider, fields):
            return f"cloud-group {provider} ({', '.join(f'{_key(key)}={_values(values)}' for key, values in fields)})"
        case _:
            assert_never(peer)


def _excepts(excepts: Sequence[Network]) -> str:
    return f" except {', '.join(map(str, excepts))}" if excepts else ""


def _selector(selector: Selector, scoped: Callable[[Requirements], Requirements]) -> str:
    """The shortest way to say a selector whose place, if it does not say one, is where `scoped` puts it."""
    wanted = selector.requirements
    of_namespace = tuple(each for each in wanted if each.source == KUBERNETES and each.key == NAMESPACE_KEY)
    of_labels = tuple(each for each in wanted if each.source == KUBERNETES and each.key.startswith(NAMESPACE_LABELS_PREFIX))
    own = tuple(each for each in wanted if each not in of_namespace and each not in of_labels)
    if not of_labels and set(scoped(own)) == set(wanted):
        return _labelled(own, "")
    if len(of_namespace) == 1 and (place := _place(of_namespace[0], of_labels)):
        return _labelled(own, place)
    return _labelled(wanted, "" if set(scoped(wanted)) == set(wanted) else "anywhere")


def _place(of_namespace: Requirement, of_labels: Requirements) -> str:
    """Where a selector looks; empty where there is no such word."""
    if of_namespace.operator is Operator.EXISTS:
        bare = tuple(Requirement(ANY_SOURCE, each.key.removeprefix(NAMESPACE_LABELS_PREFIX), each.operator, each.values) for each in of_labels)
        return f"in namespace with {_labels(bare)}" if bare else "in any namespace"
    if of_labels or of_namespace.operator is not Operator.IN:
        return ""
    names = [name(each) for each in of_namespace.values]
    return f"in namespace {names[0]}" if len(names) == 1 else f"in namespaces ({', '.join(names)})"


def _labelled(asked: Requirements, place: str) -> str:
    return f"{_labels(asked) or 'endpoints'} {place}".rstrip()


def _labels(asked: Iterable[Requirement]) -> str:
    return ", ".join(map(_requirement, asked))


def _requirement(requirement: Requirement) -> str:
    key = _key(requirement.key if requirement.source in (ANY_SOURCE, CIDR_GROUP) else f"{requirement.source}:{requirement.key}")
    values = [each if _VALUE.fullmatch(each) else quoted(each) for each in requirement.values]
    match requirement.operator:
        case Operator.IN:
            return f"{key}={values[0]}" if len(values) == 1 else f"{key} in ({', '.join(values)})"
        case Operator.NOT_IN:
            return f"{key}!={values[0]}" if len(values) == 1 else f"{key} not in ({', '.join(values)})"
        case Operator.EXISTS:
            return f"has {key}"
        case Operator.DOES_NOT_EXIST:
            return f"!{key}"


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) else quoted(key)


def _values(values: Sequence[str]) -> str:
    return quoted(values[0]) if len(values) == 1 else f"[{', '.join(map(quoted, values))}]"
