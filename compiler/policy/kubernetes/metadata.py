"""What every Kubernetes object begins with: apiVersion, kind and metadata."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.policy.kubernetes.names import DEFAULT_NAMESPACE, namespace, policy_name
from pybpf.compiler.policy.text.fields import Text, fields, strings, text
from pybpf.compiler.policy.text.positions import Entry
from pybpf.compiler.policy.text.report import Report
from pybpf.compiler.policy.text.shapes import Field, Leaf, Shape

_WRITTEN_BY_SERVERS: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
METADATA: Final = Shape(
    "metadata",
    "Who the object is.",
    (
        Field("name", Leaf.STRING, "The name of the object, distinct among those of its kind and namespace.", required=True),
        Field("namespace", Leaf.STRING, f"The namespace it lies in; {DEFAULT_NAMESPACE!r} where none is written."),
        Field("labels", Leaf.STRINGS, "Labels of the object itself; they say nothing about policy.", null=True),
        Field("annotations", Leaf.STRINGS, "Notes of tools; they say nothing about policy.", null=True),
        *(Field(each, Leaf.ANYTHING, "Written by the API server; says nothing about policy.", null=True) for each in _WRITTEN_BY_SERVERS),
    ),
    (("generateName", "a generated name is not known here", "write a name"),),
)


@dataclass(frozen=True, slots=True)
class Called:
    """What an object is called, and where that is written (at the object, where it is not)."""

    name: Text
    namespace: str


def called(found: Table[str, Entry], whole: Text, report: Report) -> Called:
    """The name and namespace in an object's `metadata` entry; `whole` stands for the name if there is none."""
    if "metadata" not in found:
        return Called(whole, DEFAULT_NAMESPACE)
    inner = fields(found["metadata"].value, METADATA, report)
    for key in ("labels", "annotations"):  # inert, but strings all the same
        if key in inner:
            strings(inner[key].value, report)
    own = policy_name(inner["name"].value, report) if "name" in inner else whole
    lies_in = namespace(inner["namespace"].value, report).value if "namespace" in inner else DEFAULT_NAMESPACE
    return Called(own, lies_in)


def refuse_other_version(found: Table[str, Entry], wanted: str, report: Report) -> None:
    """Report an apiVersion other than the one that is read."""
    if "apiVersion" not in found:
        return
    already = len(report.found)
    written = text(found["apiVersion"].value, report)
    if len(report.found) == already and written.value != wanted:
        message = f"apiVersion {written.value!r} is not read here"
        report.refuse("policy-kind", written.span, message, f"write apiVersion: {wanted}")
