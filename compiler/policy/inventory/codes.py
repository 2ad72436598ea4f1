"""The pages of what is refused in inventories, besides names, labels and addresses (kubernetes/codes.py)."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.codes import Page

PAGES: Final[tuple[Page, ...]] = (
    Page(
        "policy-inventory-twice",
        "two things of an inventory have one name, or one address",
        "endpoints: [{name: a, addresses: [10.0.0.1]}, {name: b, addresses: [10.0.0.1]}]",
        "Give each its own; an address tells whose a flow is.",
    ),
    Page(
        "policy-inventory-local",
        "two nodes are said to be the local one",
        "nodes: [{name: a, local: true}, {name: b, local: true}]",
        "Say `local: true` of the one host whose kernel enforces.",
    ),
    Page(
        "policy-inventory-service",
        "a service has both a selector and backends, neither, or a selector without a label",
        "services: [{name: db}]",
        "Write `selector` for endpoints of the service's namespace, or `backends` for addresses.",
    ),
    Page(
        "policy-inventory-group",
        "a group of networks stands in the inventory and among the policies, with different contents",
        "cidrGroups: [{name: partners, cidrs: [192.0.2.0/24]}]",
        "Remove it from one of them.",
    ),
    Page(
        "policy-inventory-document",
        "an inventory as people write it has more than one document",
        "endpoints: [] --- nodes: []",
        "Write everything into one document.",
    ),
)
