"""Trees of peers -> peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lark import Token, Tree

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.cilium.cidrs import hole, in_order
from pybpf.compiler.policy.cilium.names import exact_name, name_pattern
from pybpf.compiler.policy.cilium.selectors import GROUP_SOURCES, NODE_SOURCES, SERVICE_SOURCES
from pybpf.compiler.policy.kubernetes.names import check_name, check_namespace
from pybpf.compiler.policy.kubernetes.networks import network
from pybpf.compiler.policy.language.attributes import attributes
from pybpf.compiler.policy.language.context import Context, plain, variable, words
from pybpf.compiler.policy.language.selecting import of_one_source
from pybpf.compiler.policy.language.selecting import peer as endpoints
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.model.labels import Selector
from pybpf.compiler.policy.model.peers import (
    Cidr,
    CidrGroups,
    CloudGroups,
    DnsNames,
    DnsPattern,
    Endpoints,
    Entities,
    Entity,
    Network,
    Nodes,
    Peer,
    Services,
)
from pybpf.compiler.policy.text.fields import Text

_CLOUDS: Final = ("aws",)


def peers(node: Node, context: Context) -> tuple[Peer, ...]:
    """The alternatives of a list of peers."""
    return tuple(peer for each in node.children if isinstance(each, Tree) for peer in _peers(each, context))


def dns_text(node: Node, context: Context) -> DnsPattern | None:
    """A DNS name or a pattern: with a star it is a pattern unless it says otherwise. None after a report."""
    kind, inner = node.children
    written = plain(inner, context) if inner is not None else None
    if written is None:
        return None
    if str(kind) == "pattern" or (kind is None and "*" in written.value):
        return name_pattern(written, context.report)
    return exact_name(written, context.report)


def nodes(node: Node, context: Context) -> Nodes:
    """Hosts by their labels; all of them where there are none."""
    labels = node.children[0]
    if isinstance(labels, Tree):
        return Nodes(of_one_source(labels, NODE_SOURCES, context))
    return Nodes(Selector((), context.span(node)))


def _peers(node: Node, context: Context) -> tuple[Peer, ...]:
    """One alternative, or those of a variable."""
    group = _lone_variable(node)
    if group is None:
        read = _READERS[node.data](node, context)
        return (read,) if read is not None else ()
    found = variable(group, ("peers", "labels"), context)
    if found is None:
        return ()
    if found.kind == "labels":
        return (Endpoints(endpoints(node, context)),)
    if node.children[1] is not None:
        message = f"${found.name} is a list of peers, which say themselves where they are"
        context.refuse("policy-variable", node, message, "leave out the namespace, or make the variable one of labels")
        return ()
    return peers(found.value, context.inside(found))


def _lone_variable(node: Node) -> Node | None:
    """The variable that a selector consists of."""
    if node.data != "selector" or not isinstance(node.children[0], Tree):
        return None
    inner = node.children[0].children
    return inner[0] if len(inner) == 1 and isinstance(inner[0], Tree) and inner[0].data == "variable" else None


def _endpoints(node: Node, context: Context) -> Peer:
    return Endpoints(endpoints(node, context))


def _entity(node: Node, context: Context) -> Peer:
    written = context.word(node.children[0])
    return Entities(Entity(written.value), written.span)


def _cidr(node: Node, context: Context) -> Peer | None:
    whole, *holes = (_network(each, context) for each in words(node))
    outer = network(whole, context.report)
    return Cidr(outer, _excepts(holes, outer, context), context.span(node)) if outer is not None else None


def _cidr_group(node: Node, context: Context) -> Peer:
    chosen, *rest = node.children
    holes = _excepts([_network(each, context) for each in rest if isinstance(each, Token)], None, context)
    if isinstance(chosen, Tree):
        return CidrGroups(None, of_one_source(chosen, GROUP_SOURCES, context), holes, context.span(node))
    return CidrGroups(_name(context.word(chosen), context), None, holes, context.span(node))


def _network(token: Token, context: Context) -> Text:
    """A network as it is written; an address alone is the network of that address."""
    written = context.word(token)
    if "/" in written.value:
        return written
    return Text(f"{written.value}/{128 if ':' in written.value else 32}", written.span)


def _excepts(written: list[Text], outer: Network | None, context: Context) -> tuple[Network, ...]:
    found = {inner for each in written if (inner := hole(each, outer, context.report)) is not None}
    return tuple(sorted(found, key=in_order))


def _service(node: Node, context: Context) -> Peer:
    chosen, place = node.children
    lies_in = _namespace_of_service(node, place, context)
    if isinstance(chosen, Tree):
        return Services(None, of_one_source(chosen, SERVICE_SOURCES, context), lies_in, context.span(node))
    return Services(_name(context.word(chosen), context), None, lies_in, context.span(node))


def _namespace_of_service(node: Node, place: Token | Node | None, context: Context) -> str | None:
    """The namespace, the policy's where none is written; None for any."""
    if isinstance(place, Tree) and place.data == "any_namespace":
        return None
    if isinstance(place, Tree):
        written = context.word(place.children[0])
        check_namespace(written, context.report)
        return written.value
    if context.scope.namespace is None:
        hint = "add `in namespace NAME` or `in any namespace`"
        context.refuse("policy-peers", node, "a policy of the whole cluster has no namespace to look for this service in", hint)
    return context.scope.namespace


def _dns_name(node: Node, context: Context) -> Peer | None:
    inner = node.children[0]
    assert isinstance(inner, Tree), inner
    pattern = dns_text(inner, context)
    return DnsNames(pattern) if pattern is not None else None


def _cloud_group(node: Node, context: Context) -> Peer | None:
    provider = context.word(node.children[0])
    if provider.value not in _CLOUDS:
        context.report.refuse("policy-attributes", provider.span, f"there is no cloud {provider.value!r}", "write aws")
        return None
    inner = node.children[1]
    assert isinstance(inner, Tree), inner
    written = attributes(inner, None, context)
    fields = tuple(sorted((key, tuple(text.value for text in texts)) for key, texts in written.items()))
    _warn_of_cloud(context.span(node), context)
    return CloudGroups(provider.value, fields, context.span(node))


def _warn_of_cloud(span: Span, context: Context) -> None:
    message = "pybpf asks no cloud provider, so nobody is known to be in this group"
    context.report.warn("lint-cloud-group", span, message, "name the addresses in a CiliumCIDRGroup")


def _name(written: Text, context: Context) -> str:
    check_name(written, context.report)
    return written.value


_READERS: Final[Mapping[str, Callable[[Node, Context], Peer | None]]] = {
    "selector": _endpoints,
    "nodes": nodes,
    "entity": _entity,
    "cidr": _cidr,
    "cidr_group": _cidr_group,
    "service": _service,
    "dns_name": _dns_name,
    "cloud_group": _cloud_group,
}
