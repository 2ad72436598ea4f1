"""Inventories that cannot be. Files are checked where they are read; values made in Python are checked here.

An endpoint that no subject can find would be left unprotected, and of two owners of one address the later would get the
rights of both.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybpf.compiler.policy.kubernetes.names import is_label_key, is_label_value, is_made, is_namespace
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory, InventoryError
from pybpf.compiler.policy.model.labels import KUBERNETES


def check_inventory(inventory: Inventory) -> None:
    """InventoryError for two endpoints of one name, two owners of one address, more than one local node, and namespaces or labels
    that Kubernetes does not have."""
    _refuse_twice("endpoint", (f"{each.namespace}/{each.name}" for each in inventory.endpoints))
    _refuse_twice("node", (each.name for each in inventory.nodes))
    owned = [*(each.addresses for each in inventory.endpoints), *(each.addresses for each in inventory.nodes)]
    _refuse_twice("address", (str(address) for addresses in owned for address in set(addresses)))
    if sum(node.local for node in inventory.nodes) > 1:
        raise InventoryError("more than one node is the local one")
    for endpoint in inventory.endpoints:
        check_endpoint(endpoint)


def check_endpoint(endpoint: Endpoint) -> None:
    """InventoryError for an endpoint that Kubernetes does not have."""
    where = f"endpoint {endpoint.namespace}/{endpoint.name}"
    if not is_namespace(endpoint.namespace):
        raise InventoryError(f"{where}: {endpoint.namespace!r} cannot be the name of a namespace")
    _refuse_twice(f"{where}: label", (f"{label.source}:{label.key}" for label in endpoint.labels))
    for label in endpoint.labels:
        if label.source == KUBERNETES and not (is_label_key(label.key) and is_label_value(label.value)):
            raise InventoryError(f"{where}: {label.key}={label.value} cannot be a label")
        if label.source == KUBERNETES and is_made(label.key):
            raise InventoryError(f"{where}: the label {label.key} is made of its namespace, service account or cluster")


def _refuse_twice(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InventoryError(f"{what} {name} is there twice")
        seen.add(name)
