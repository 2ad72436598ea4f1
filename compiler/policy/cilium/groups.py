"""CiliumCIDRGroup documents -> groups of networks."""

from __future__ import annotations

from pybpf.compiler.policy.cilium.metadata import group_labels, metadata, name_of_group
from pybpf.compiler.policy.cilium.shapes import CIDR_GROUP, CIDR_GROUP_KIND, CIDR_GROUP_SPEC, GROUP_VERSIONS
from pybpf.compiler.policy.cilium.texts import string
from pybpf.compiler.policy.kubernetes.networks import network
from pybpf.compiler.policy.model.inventory import CidrGroup
from pybpf.compiler.policy.text.fields import choice, fields, items
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report


def cidr_group(node: Node, report: Report) -> CidrGroup | None:
    """The group of one document; None if there is an error in it."""
    already = report.errors
    found = fields(node, CIDR_GROUP, report)
    for key, known in (("apiVersion", GROUP_VERSIONS), ("kind", (CIDR_GROUP_KIND,))):
        if key in found:
            choice(found[key].value, known, report)
    inner = metadata(found, report)
    name, labels = name_of_group(inner, report), group_labels(inner, report)
    spec = fields(found["spec"].value, CIDR_GROUP_SPEC, report) if "spec" in found else {}
    written = [string(each, report) for each in items(spec["externalCIDRs"].value, report)] if "externalCIDRs" in spec else []
    read = [network(each, report) for each in written if each is not None]
    networks = tuple(each for each in read if each is not None)
    return CidrGroup(name, labels, networks) if report.errors == already else None
