"""An inventory as people write it -> Inventory. shapes.py has the keys.

Every name and address is checked: a misspelt label or a second owner of an address would silently change who is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as Table
from typing import Final, TypeVar

from pybpf.compiler.policy.inventory.leaves import (
    ENDPOINT_SOURCES,
    GROUP_SOURCES,
    KUBERNETES_SOURCES,
    NODE_SOURCES,
    addresses,
    labels,
    networks,
    port_names,
)
from pybpf.compiler.policy.inventory.shapes import (
    CIDR_GROUP,
    CIDR_MATCHES,
    ENDPOINT,
    ENFORCEMENT,
    INVENTORY,
    NAMESPACE,
    NODE,
    SERVICE,
    SETTINGS,
)
from pybpf.compiler.policy.inventory.taken import Taken
from pybpf.compiler.policy.kubernetes.names import DEFAULT_NAMESPACE, name, namespace
from pybpf.compiler.policy.kubernetes.selectors import selector
from pybpf.compiler.policy.model import inventory as model
from pybpf.compiler.policy.model.labels import Label, Operator, Requirement, Selector
from pybpf.compiler.policy.text.fields import Text, boolean, choice, fields, items, refuse_shape, text
from pybpf.compiler.policy.text.positions import Entry, Mapping, Node
from pybpf.compiler.policy.text.report import Report

_METADATA_NAME: Final = "kubernetes.io/metadata.name"  # on every namespace, put there by Kubernetes
_CLUSTER_LENGTH: Final = 32  # as in Cilium
_INTERFACE: Final = re.compile(r"(?!\.{1,2}\Z)[^\s/:]{1,15}")  # Linux: dev_valid_name, net/core/dev.c
_NETWORK_NAMESPACE: Final = re.compile(r"\S+")
_Thing = TypeVar("_Thing")


def inventory(node: Node, report: Report) -> model.Inventory:
    """What an inventory file says; not to be used after an error."""
    found = fields(node, INVENTORY, report)
    taken = Taken()
    return model.Inventory(
        endpoints=_each(found, "endpoints", lambda item: _endpoint(item, taken, report), report),
        nodes=_nodes(found, taken, report),
        services=_each(found, "services", lambda item: _service(item, taken, report), report),
        cidr_groups=_each(found, "cidrGroups", lambda item: _cidr_group(item, taken, report), report),
        namespaces=_namespaces(found["namespaces"].value, report) if "namespaces" in found else (),
        cluster=_cluster(found["cluster"].value, report) if "cluster" in found else model.Inventory().cluster,
        settings=_settings(found["settings"].value, report) if "settings" in found else model.Settings(),
    )


def _each(found: Table[str, Entry], key: str, read: Callable[[Node], _Thing], report: Report) -> tuple[_Thing, ...]:
    """What stands in the list of a key; an absent list is empty."""
    return tuple(read(item) for item in items(found[key].value, report)) if key in found else ()


def _cluster(node: Node, report: Report) -> str:
    written = namespace(node, report)
    if len(written.value) > _CLUSTER_LENGTH:
        report.refuse("policy-name", written.span, f"a cluster's name has at most {_CLUSTER_LENGTH} characters", "shorten it")
    return written.value


def _settings(node: Node, report: Report) -> model.Settings:
    found = fields(node, SETTINGS, report)
    standard = model.Settings()
    enforcement = choice(found["enforcement"].value, ENFORCEMENT, report) if "enforcement" in found else None
    matches = _each(found, "cidrMatches", lambda item: choice(item, CIDR_MATCHES, report), report)
    covered = {each.value for each in matches if each is not None}
    return model.Settings(
        enforcement=enforcement.value if enforcement is not None else standard.enforcement,
        allow_localhost=boolean(found["allowLocalhost"].value, report) if "allowLocalhost" in found else standard.allow_localhost,
        cidr_matches_endpoints="endpoints" in covered,
        cidr_matches_nodes="nodes" in covered,
    )


def _namespaces(node: Node, report: Report) -> tuple[model.Namespace, ...]:
    """Namespaces by name."""
    if not isinstance(node, Mapping):
        refuse_shape(node, Mapping, report)
        return ()
    return tuple(_namespace(entry, report) for entry in node.entries)


def _namespace(entry: Entry, report: Report) -> model.Namespace:
    called = namespace(entry.key, report).value
    found = fields(entry.value, NAMESPACE, report)
    own = _labels(found, KUBERNETES_SOURCES, report)
    for label in own:
        if label.key == _METADATA_NAME and label.value != called:
            message = f"{_METADATA_NAME} of the namespace {called!r} is {called!r}"
            report.refuse("policy-label", found["labels"].value.span, message, "remove the label: every namespace has it")
    return model.Namespace(called, own)


def _endpoint(node: Node, taken: Taken, report: Report) -> model.Endpoint:
    found = fields(node, ENDPOINT, report)
    called, lies_in, key = _called(node, found, report)
    owner = f"endpoint {key}"
    taken.take("endpoint name", key, owner, called.span, report)
    own = addresses(found["addresses"].value, report) if "addresses" in found else ()
    taken.take_all(owner, own, report)
    return model.Endpoint(
        name=called.value,
        namespace=lies_in,
        labels=_labels(found, ENDPOINT_SOURCES, report),
        addresses=tuple(each for each, _ in own),
        port_names=port_names(found["ports"].value, report) if "ports" in found else (),
        service_account=name(found["serviceAccount"].value, report).value if "serviceAccount" in found else "",
        interface=_matching(found, "interface", _INTERFACE, report),
        network_namespace=_matching(found, "networkNamespace", _NETWORK_NAMESPACE, report),
        audit=boolean(found["audit"].value, report) if "audit" in found else False,
    )


def _nodes(found: Table[str, Entry], taken: Taken, report: Report) -> tuple[model.Node, ...]:
    """The nodes; reports a second local one."""
    listed = items(found["nodes"].value, report) if "nodes" in found else ()
    read = tuple(_node(each, taken, report) for each in listed)
    local = [(each, place) for each, place in zip(read, listed, strict=True) if each.local]
    for each, place in local[1:]:
        message = f"{each.name} cannot be local: {local[0][0].name} is, in line {local[0][1].span.line}"
        report.refuse("policy-inventory-local", place.span, message, "say `local: true` of the one host whose kernel enforces")
    return read


def _node(node: Node, taken: Taken, report: Report) -> model.Node:
    found = fields(node, NODE, report)
    called = _name(node, found, report)
    owner = f"node {called.value}"
    taken.take("node name", called.value, owner, called.span, report)
    own = addresses(found["addresses"].value, report) if "addresses" in found else ()
    taken.take_all(owner, own, report)
    return model.Node(
        name=called.value,
        labels=_labels(found, NODE_SOURCES, report),
        addresses=tuple(each for each, _ in own),
        local=boolean(found["local"].value, report) if "local" in found else False,
        api_server=boolean(found["apiServer"].value, report) if "apiServer" in found else False,
    )


def _service(node: Node, taken: Taken, report: Report) -> model.Service:
    found = fields(node, SERVICE, report)
    called, lies_in, key = _called(node, found, report)
    taken.take("service name", key, f"service {key}", called.span, report)
    if ("selector" in found) == ("backends" in found):
        message = "a service has either a selector or backends"
        hint = "write `selector` for endpoints of its namespace, or `backends` (perhaps []) for addresses"
        report.refuse("policy-inventory-service", node.span, message, hint)
    backends = addresses(found["backends"].value, report) if "backends" in found else ()
    return model.Service(
        name=called.value,
        namespace=lies_in,
        labels=_labels(found, KUBERNETES_SOURCES, report),
        selector=_selector(found["selector"].value, report) if "selector" in found else None,
        backends=tuple(each for each, _ in backends),
    )


def _selector(node: Node, report: Report) -> Selector:
    """Labels that must all be there; none at all would be every endpoint, which no service stands for."""
    chosen = labels(node, ENDPOINT_SOURCES, report)
    if not chosen and isinstance(node, Mapping):
        report.refuse("policy-inventory-service", node.span, "an empty selector chooses no endpoints in Kubernetes", "name a label, or write `backends`")
    return selector(tuple(Requirement(each.source, each.key, Operator.IN, (each.value,)) for each in chosen), node.span)


def _cidr_group(node: Node, taken: Taken, report: Report) -> model.CidrGroup:
    found = fields(node, CIDR_GROUP, report)
    called = _name(node, found, report)
    taken.take("group name", called.value, f"group {called.value}", called.span, report)
    own = networks(found["cidrs"].value, report) if "cidrs" in found else ()
    return model.CidrGroup(called.value, _labels(found, GROUP_SOURCES, report), own)


def _called(node: Node, found: Table[str, Entry], report: Report) -> tuple[Text, str, str]:
    """The name of a thing, its namespace, and `namespace/name`."""
    called = _name(node, found, report)
    lies_in = namespace(found["namespace"].value, report).value if "namespace" in found else DEFAULT_NAMESPACE
    return called, lies_in, f"{lies_in}/{called.value}"


def _name(node: Node, found: Table[str, Entry], report: Report) -> Text:
    """The name of a thing; where it is missing, which has been reported, a text that no other thing has."""
    return name(found["name"].value, report) if "name" in found else Text(f"without name at {node.span}", node.span)


def _labels(found: Table[str, Entry], sources: tuple[str, ...], report: Report) -> tuple[Label, ...]:
    return labels(found["labels"].value, sources, report) if "labels" in found else ()


def _matching(found: Table[str, Entry], key: str, form: re.Pattern[str], report: Report) -> str | None:
    """The text of a key; None where it is absent. Reports a text that does not have the form."""
    if key not in found:
        return None
    already = report.errors
    written = text(found[key].value, report)
    if report.errors == already and not form.fullmatch(written.value):
        hint = "write the name without spaces; that of an interface has at most 15 characters, no '/' and no ':'"
        report.refuse("policy-name", written.span, f"no {key} has the name {written.value!r}", hint)
    return written.value
