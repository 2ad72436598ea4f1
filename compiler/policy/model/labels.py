"""Labels and the selectors that choose by them.

A label is `source:key=value`. The source says who vouches for it: `k8s` (a pod's own labels and those of its namespace),
`reserved` (host, world, ...), `node`, `cidrgroup`. Policy files may leave the source open: `any`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from pybpf.compiler.diag import Span

ANY_SOURCE: Final = "any"
KUBERNETES: Final = "k8s"
RESERVED: Final = "reserved"
NODE: Final = "node"
CIDR_GROUP: Final = "cidrgroup"

# Keys that are made, not written by people. All but CIDR_GROUP_NAME_KEY are of source k8s.
NAMESPACE_KEY: Final = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS_PREFIX: Final = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT_KEY: Final = "io.cilium.k8s.policy.serviceaccount"
CLUSTER_KEY: Final = "io.cilium.k8s.policy.cluster"
CIDR_GROUP_NAME_KEY: Final = "io.cilium.policy.cidrgroupname/"  # followed by the group's name; the value is empty


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """One label of an identity; the source is never `any`."""

    source: str
    key: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.key}={self.value}" if self.value else f"{self.source}:{self.key}"


class Operator(Enum):
    """How a requirement looks at a key; the values are Kubernetes' names."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key. `values` are sorted and not empty for IN and NOT_IN, empty for the others."""

    source: str
    key: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements together; none of them: everything. What a file leaves out (the namespace) is among them."""

    requirements: tuple[Requirement, ...]
    span: Span = field(compare=False, repr=False)


def selects(selector: Selector, labels: Iterable[Label]) -> bool:
    """Whether something with these labels is chosen. NotIn and DoesNotExist hold where the key is absent."""
    have = tuple(labels)
    return all(holds(each, have) for each in selector.requirements)


def holds(requirement: Requirement, labels: Iterable[Label]) -> bool:
    """Whether one requirement is met. With source `any`, a label of any source may meet it."""
    values = [
        label.value for label in labels if label.key == requirement.key and requirement.source in (ANY_SOURCE, label.source)
    ]
    match requirement.operator:
        case Operator.IN:
            return any(value in requirement.values for value in values)
        case Operator.NOT_IN:
            return not any(value in requirement.values for value in values)
        case Operator.EXISTS:
            return bool(values)
        case Operator.DOES_NOT_EXIST:
            return not values
