"""Kubernetes objects, as `kubectl get pods,namespaces,nodes,services,endpointslices -A -o yaml` prints them -> Inventory.

Only the keys that say who exists are read; all others say nothing about policy and are passed over. So are pods that have
ended, and pods in the host's network namespace: those are the host. Labels that Cilium makes are taken off, as Cilium does,
so that nobody gets into another namespace by a label. Which node is local is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.inventory.taken import Taken
from pybpf.compiler.policy.kubernetes.names import (
    DEFAULT_NAMESPACE,
    is_made,
    label_key,
    label_value,
    name,
    namespace,
)
from pybpf.compiler.policy.kubernetes.networks import address
from pybpf.compiler.policy.kubernetes.selectors import selector
from pybpf.compiler.policy.model import inventory as model
from pybpf.compiler.policy.model.labels import KUBERNETES, NODE, Label, Operator, Requirement
from pybpf.compiler.policy.model.ports import LAST_PORT, Protocol
from pybpf.compiler.policy.text.fields import (
    Text,
    boolean,
    choice,
    did_you_mean,
    integer,
    is_null,
    items,
    refuse_shape,
    strings,
    text,
)
from pybpf.compiler.policy.text.positions import Mapping, Node
from pybpf.compiler.policy.text.report import Report

_ENDED: Final = ("Succeeded", "Failed")
_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_SERVICE_NAME: Final = "kubernetes.io/service-name"  # on every EndpointSlice of a service
_API_SERVICE: Final = ("default", "kubernetes")
_OWN_ADDRESSES: Final = ("InternalIP", "ExternalIP")
_Address: TypeAlias = tuple[model.Address, Span]


@dataclass(slots=True)
class _Cluster:
    """What was read so far. `behind` are the addresses behind services, by (namespace, name)."""

    report: Report
    taken: Taken = field(default_factory=Taken)
    endpoints: list[model.Endpoint] = field(default_factory=list)
    nodes: list[model.Node] = field(default_factory=list)
    services: list[model.Service] = field(default_factory=list)
    namespaces: list[model.Namespace] = field(default_factory=list)
    behind: dict[tuple[str, str], dict[model.Address, None]] = field(default_factory=dict)


def inventory(documents: Sequence[Node], report: Report) -> model.Inventory:
    """What the objects of some documents say; not to be used after an error."""
    cluster = _Cluster(report)
    for document in documents:
        for node in _objects(document, report):
            _read(node, cluster)
    api_servers = cluster.behind.get(_API_SERVICE, {})
    return model.Inventory(
        endpoints=tuple(cluster.endpoints),
        nodes=tuple(replace(each, api_server=any(own in api_servers for own in each.addresses)) for each in cluster.nodes),
        services=tuple(_with_backends(each, cluster) for each in cluster.services),
        namespaces=tuple(cluster.namespaces),
    )


def _objects(document: Node, report: Report) -> Iterator[Node]:
    """The objects of a document: of a list, its items."""
    kind = _text(document, "kind", report)
    if kind is None or not kind.value.endswith("List"):
        yield document
        return
    for item in _items(document, "items", report):
        yield from _objects(item, report)


def _read(node: Node, cluster: _Cluster) -> None:
    """One object; reports a kind that says nothing about who exists."""
    kind = _text(node, "kind", cluster.report)
    reader = _READERS.get(kind.value) if kind is not None else None
    if reader is not None:
        reader(node, cluster)
        return
    place, written = (kind.span, kind.value) if kind is not None else (node.span, "")
    message = f"{written!r} is no kind that says who exists" if written else "this object does not say of which kind it is"
    cluster.report.refuse("policy-kind", place, message, did_you_mean(written, _READERS))


def _pod(node: Node, cluster: _Cluster) -> None:
    report = cluster.report
    phase = _text(node, "status.phase", report)
    host_network = _at(node, "spec.hostNetwork", report)
    if (phase is not None and phase.value in _ENDED) or (host_network is not None and boolean(host_network, report)):
        return
    called, lies_in = _called(node, report)
    owner = f"endpoint {lies_in}/{called.value}"
    cluster.taken.take("endpoint name", f"{lies_in}/{called.value}", owner, called.span, report)
    own = _pod_addresses(node, report)
    cluster.taken.take_all(owner, own, report)
    account = _text(node, "spec.serviceAccountName", report)
    cluster.endpoints.append(
        model.Endpoint(
            name=called.value,
            namespace=lies_in,
            labels=_labels(node, KUBERNETES, report),
            addresses=tuple(each for each, _ in own),
            port_names=tuple(_port_names(node, report)),
            service_account=account.value if account is not None and account.value else "default",  # as the API server fills it in
        )
    )


def _pod_addresses(node: Node, report: Report) -> list[_Address]:
    """podIPs, or the podIP of older servers."""
    listed = [_text(each, "ip", report) for each in _items(node, "status.podIPs", report)]
    return _addresses(listed or [_text(node, "status.podIP", report)], report)


def _port_names(node: Node, report: Report) -> Iterator[model.PortName]:
    for container in _items(node, "spec.containers", report):
        for port in _items(container, "ports", report):
            called = _text(port, "name", report)
            number = _at(port, "containerPort", report)
            protocol = _at(port, "protocol", report)
            if called is None or number is None:
                continue
            written = choice(protocol, _PROTOCOLS, report) if protocol is not None else None
            chosen = Protocol[written.value] if written is not None else Protocol.TCP
            yield model.PortName(called.value.lower(), chosen, integer(number, 1, LAST_PORT, report))


def _node(node: Node, cluster: _Cluster) -> None:
    report = cluster.report
    called = _object_name(node, report)
    cluster.taken.take("node name", called.value, f"node {called.value}", called.span, report)
    listed = _items(node, "status.addresses", report)
    of_host = [each for each in listed if (sort := _text(each, "type", report)) is not None and sort.value in _OWN_ADDRESSES]
    read = _addresses([_text(each, "address", report) for each in of_host], report)
    own = tuple({each: (each, place) for each, place in read}.values())  # one address may be both internal and external
    cluster.taken.take_all(f"node {called.value}", own, report)
    cluster.nodes.append(model.Node(called.value, _labels(node, NODE, report), tuple(each for each, _ in own)))


def _namespace(node: Node, cluster: _Cluster) -> None:
    report = cluster.report
    called = _object_name(node, report)
    cluster.taken.take("namespace", called.value, f"namespace {called.value}", called.span, report)
    cluster.namespaces.append(model.Namespace(called.value, _labels(node, KUBERNETES, report)))


def _service(node: Node, cluster: _Cluster) -> None:
    """An empty selector is none, as in Kubernetes: somebody else keeps the service's addresses."""
    report = cluster.report
    called, lies_in = _called(node, report)
    key = f"{lies_in}/{called.value}"
    cluster.taken.take("service name", key, f"service {key}", called.span, report)
    chosen = _at(node, "spec.selector", report)
    asked = strings(chosen, report) if chosen is not None else ()
    requirements = tuple(Requirement(KUBERNETES, label_key(each, report), Operator.IN, (label_value(value, report),)) for each, value in asked)
    choosing = selector(requirements, chosen.span) if chosen is not None and requirements else None
    cluster.services.append(model.Service(called.value, lies_in, _labels(node, KUBERNETES, report), choosing))


def _with_backends(service: model.Service, cluster: _Cluster) -> model.Service:
    """A service without a selector stands for the addresses that are kept for it."""
    if service.selector is not None:
        return service
    return replace(service, backends=tuple(cluster.behind.get((service.namespace, service.name), {})))


def _endpoint_slice(node: Node, cluster: _Cluster) -> None:
    report = cluster.report
    _, lies_in = _called(node, report)
    labels = _at(node, "metadata.labels", report)
    of = [value.value for key, value in (strings(labels, report) if labels is not None else ()) if key.value == _SERVICE_NAME]
    family = _text(node, "addressType", report)
    if not of or (family is not None and family.value == "FQDN"):
        return
    for each in _items(node, "endpoints", report):
        if _is_serving(each, report):
            _keep((lies_in, of[0]), _items(each, "addresses", report), cluster)


def _is_serving(node: Node, report: Report) -> bool:
    """Whether an endpoint of a slice gets connections: it is ready, or still serving while it ends. Unsaid is ready."""
    ready, serving = (_at(node, f"conditions.{each}", report) for each in ("ready", "serving"))
    return ready is None or boolean(ready, report) or (serving is not None and boolean(serving, report))


def _endpoints(node: Node, cluster: _Cluster) -> None:
    """The older form of slices, one object for each service and of its name."""
    called, lies_in = _called(node, cluster.report)
    for subset in _items(node, "subsets", cluster.report):
        for each in _items(subset, "addresses", cluster.report):
            found = _at(each, "ip", cluster.report)
            _keep((lies_in, called.value), [found] if found is not None else [], cluster)


def _keep(service: tuple[str, str], written: Sequence[Node], cluster: _Cluster) -> None:
    """Note addresses behind a service."""
    read = _addresses([text(each, cluster.report) for each in written], cluster.report)
    cluster.behind.setdefault(service, {}).update((each, None) for each, _ in read)


_READERS: Final[Table[str, Callable[[Node, _Cluster], None]]] = {
    "Pod": _pod,
    "Namespace": _namespace,
    "Node": _node,
    "Service": _service,
    "EndpointSlice": _endpoint_slice,
    "Endpoints": _endpoints,
}


def _called(node: Node, report: Report) -> tuple[Text, str]:
    """The name and namespace of an object."""
    written = _at(node, "metadata.namespace", report)
    return _object_name(node, report), namespace(written, report).value if written is not None else DEFAULT_NAMESPACE


def _object_name(node: Node, report: Report) -> Text:
    written = _at(node, "metadata.name", report)
    if written is not None:
        return name(written, report)
    report.refuse("policy-missing-key", node.span, "this object has no name", "add `metadata: {name: ...}`")
    return Text(f"without name at {node.span}", node.span)


def _labels(node: Node, source: str, report: Report) -> tuple[Label, ...]:
    """The labels of an object, sorted, without those that Cilium makes."""
    written = _at(node, "metadata.labels", report)
    own = [(key, value) for key, value in (strings(written, report) if written is not None else ()) if not is_made(key.value)]
    return tuple(sorted(Label(source, label_key(key, report), label_value(value, report)) for key, value in own))


def _addresses(written: Sequence[Text | None], report: Report) -> list[_Address]:
    """The addresses that are written; an empty text is none yet."""
    read = [(address(each, report), each.span) for each in written if each is not None and each.value]
    return [(found, span) for found, span in read if found is not None]


def _text(node: Node, path: str, report: Report) -> Text | None:
    """The string at a path, None where there is none."""
    found = _at(node, path, report)
    return text(found, report) if found is not None else None


def _items(node: Node, path: str, report: Report) -> tuple[Node, ...]:
    """The items of the list at a path; an absent list is empty."""
    found = _at(node, path, report)
    return items(found, report) if found is not None else ()


def _at(node: Node, path: str, report: Report) -> Node | None:
    """What stands at a path of keys such as `spec.hostNetwork`; None where a key of it is absent or has no value."""
    for key in path.split("."):
        if not isinstance(node, Mapping):
            refuse_shape(node, Mapping, report)
            return None
        found = next((each.value for each in node.entries if each.key.value == key), None)
        if found is None or is_null(found):
            return None
        node = found
    return node
