"""What objects of the whole cluster begin with; namespaced ones begin as Kubernetes' own (kubernetes/metadata.py)."""

from __future__ import annotations

from collections.abc import Mapping as Table

from pybpf.compiler.policy.cilium.shapes import CLUSTER_METADATA
from pybpf.compiler.policy.kubernetes.names import label_key, label_value, name, policy_name
from pybpf.compiler.policy.model.labels import CIDR_GROUP, Label
from pybpf.compiler.policy.text.fields import fields, strings
from pybpf.compiler.policy.text.positions import Entry
from pybpf.compiler.policy.text.report import Report


def metadata(found: Table[str, Entry], report: Report) -> Table[str, Entry]:
    """The entries of an object's `metadata`; reports what is not of the whole cluster."""
    inner = fields(found["metadata"].value, CLUSTER_METADATA, report) if "metadata" in found else {}
    for key in ("labels", "annotations"):  # strings, even where they say nothing
        if key in inner:
            strings(inner[key].value, report)
    return inner


def name_of_policy(inner: Table[str, Entry], report: Report) -> str:
    """The name of a policy in `metadata`; empty after a report."""
    return policy_name(inner["name"].value, report).value if "name" in inner else ""


def name_of_group(inner: Table[str, Entry], report: Report) -> str:
    """The name of a group in `metadata`; empty after a report."""
    return name(inner["name"].value, report).value if "name" in inner else ""


def group_labels(inner: Table[str, Entry], report: Report) -> tuple[Label, ...]:
    """The labels by which a cidrGroupSelector finds a group, sorted."""
    written = strings(inner["labels"].value, Report()) if "labels" in inner else ()  # metadata() has reported
    return tuple(sorted(Label(CIDR_GROUP, label_key(key, report), label_value(value, report)) for key, value in written))
