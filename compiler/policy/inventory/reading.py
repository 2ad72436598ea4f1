"""A file that says who exists -> Inventory, whichever of its two forms it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pybpf.compiler.diag import CompileError, Diagnostic, Severity, Source, Span
from pybpf.compiler.policy.inventory import cluster, handwritten
from pybpf.compiler.policy.model.inventory import CidrGroup, Inventory
from pybpf.compiler.policy.text.fields import is_null
from pybpf.compiler.policy.text.positions import Mapping, Node, parse
from pybpf.compiler.policy.text.report import Report, in_order


def read_inventory(source: Source) -> Inventory:
    """What an inventory file says: one mapping as people write it (shapes.py), or Kubernetes objects (cluster.py).

    Raises CompileError with everything that is wrong in it. What is a warning in a policy is an error here: nobody would
    hear of it.
    """
    documents, wrong = parse(source)
    report = Report(list(wrong))
    present = [each for each in documents if not is_null(each)]
    if wrong and not present:
        raise CompileError(in_order(wrong))
    if any(_is_object(each) for each in present):
        read = cluster.inventory(present, report)
    else:
        read = _handwritten(source, present, report)
    if report.found:
        raise CompileError(in_order(replace(each, severity=Severity.ERROR) for each in report.found))
    return read


def merged(inventory: Inventory, cidr_groups: Iterable[CidrGroup]) -> Inventory:
    """The inventory with the groups that came with policies.

    Raises CompileError where both have a group of one name that holds different networks or labels: one of them is out of date.
    """
    groups = {each.name: each for each in inventory.cidr_groups}
    found: list[Diagnostic] = []
    for each in cidr_groups:
        if groups.setdefault(each.name, each) != each:
            message = f"the inventory and a CiliumCIDRGroup both say what the group {each.name!r} is, and differ"
            nowhere = Span(Source("inventory", ""), 1, 1, 1, 2)
            found.append(Diagnostic("policy-inventory-group", nowhere, message, "remove the group from one of them"))
    if found:
        raise CompileError(found)
    return replace(inventory, cidr_groups=tuple(groups.values()))


def _is_object(node: Node) -> bool:
    """Whether a document is a Kubernetes object."""
    return isinstance(node, Mapping) and any(each.key.value in ("kind", "apiVersion") for each in node.entries)


def _handwritten(source: Source, documents: list[Node], report: Report) -> Inventory:
    if not documents:
        report.refuse("policy-no-document", Span(source, 1, 1, 1, 2), "this file holds nothing", "write `endpoints:` and who they are")
        return Inventory()
    for each in documents[1:]:
        report.refuse("policy-inventory-document", each.span, "an inventory is one document", "move what it says into the first")
    return handwritten.inventory(documents[0], report)
