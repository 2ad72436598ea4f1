"""The keys of Cilium's objects, as tables: the two kinds of policy and groups of networks. Peers and ports: peer_shapes.py, port_shapes.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pybpf.compiler.policy.cilium.peer_shapes import FROM, SELECTOR, TO, TO_NAMES
from pybpf.compiler.policy.cilium.port_shapes import ALLOWED_PORTS, DENIED_PORTS, ICMP
from pybpf.compiler.policy.kubernetes.metadata import METADATA
from pybpf.compiler.policy.model.policy import Action, Authentication, Direction, Kind
from pybpf.compiler.policy.text.shapes import Choice, Field, Leaf, ListOf, Shape

API_VERSION: Final = "cilium.io/v2"
GROUP_VERSIONS: Final = (API_VERSION, "cilium.io/v2alpha1")
CIDR_GROUP_KIND: Final = "CiliumCIDRGroup"
MAX_LOG: Final = 32

CLUSTER_METADATA: Final = replace(
    METADATA,
    fields=tuple(row for row in METADATA.fields if row.name != "namespace"),
    removed=(*METADATA.removed, ("namespace", "an object of the whole cluster lies in no namespace", "remove it, or write a namespaced kind")),
)
AUTHENTICATION: Final = Shape(
    "authentication",
    "Mutual authentication of the two ends.",
    (Field("mode", Choice(tuple(each.value for each in Authentication)), "required: both ends must prove who they are; disabled: they need not; test-always-fail: nobody can.", required=True),),
)  # fmt: skip
_AUTHENTICATED: Final = Field("authentication", AUTHENTICATION, AUTHENTICATION.doc)
_ICMPS: Final = Field("icmps", ListOf(ICMP), "These ICMP messages. Not together with toPorts.")
_TO_PORTS: Final = "At these destination ports; absent or empty: every port of every protocol."
_TO_PORTS_ALLOWED: Final = Field("toPorts", ListOf(ALLOWED_PORTS), _TO_PORTS)
_TO_PORTS_DENIED: Final = Field("toPorts", ListOf(DENIED_PORTS), _TO_PORTS)
_NO_AUTHENTICATION: Final = ("authentication", "who is denied need not prove who they are", "remove it")


def _required(key: str) -> tuple[str, str, str]:
    hint = f"add its labels to endpointSelector, or to every peer of {key.replace('Requires', 'Endpoints')}"
    return key, f"{key} was removed from Cilium and would narrow what the rule allows", hint


RULES: Final = {
    (Direction.INGRESS, Action.ALLOW): Shape(
        "ingress",
        "Flows to the subject that are allowed. An empty element allows nothing; it only switches default deny on.",
        (*FROM, _TO_PORTS_ALLOWED, _ICMPS, _AUTHENTICATED),
        (_required("fromRequires"),),
    ),
    (Direction.INGRESS, Action.DENY): Shape(
        "ingressDeny",
        "Flows to the subject that are denied, whatever allows them.",
        (*FROM, _TO_PORTS_DENIED, _ICMPS),
        (_required("fromRequires"), _NO_AUTHENTICATION),
    ),
    (Direction.EGRESS, Action.ALLOW): Shape(
        "egress",
        "Flows of the subject that are allowed. An empty element allows nothing; it only switches default deny on.",
        (*TO, TO_NAMES, _TO_PORTS_ALLOWED, _ICMPS, _AUTHENTICATED),
        (_required("toRequires"),),
    ),
    (Direction.EGRESS, Action.DENY): Shape(
        "egressDeny",
        "Flows of the subject that are denied, whatever allows them.",
        (*TO, _TO_PORTS_DENIED, _ICMPS),
        (
            _required("toRequires"),
            _NO_AUTHENTICATION,
            ("toFQDNs", "toFQDNs cannot stand in a deny rule: Cilium denies no names", "deny addresses by toCIDRSet, or names in a .policy file"),
        ),
    ),
}
DEFAULT_DENY: Final = Shape(
    "enableDefaultDeny",
    "Whether what no rule allows is refused, for each direction. Where nothing is written: if there is a rule of that direction, an allow or a deny.",
    (
        Field("ingress", Leaf.BOOLEAN, "Whether other flows to the subject are refused."),
        Field("egress", Leaf.BOOLEAN, "Whether other flows of the subject are refused."),
    ),
)
LOG: Final = Shape(
    "log",
    "What events of this policy carry.",
    (Field("value", Leaf.STRING, f"A text of at most {MAX_LOG} printable characters."),),
)
LABEL: Final = Shape(
    "label",
    "A label of the policy itself.",
    (
        Field("key", Leaf.STRING, "The key.", required=True),
        Field("source", Leaf.STRING, "The source; unspec where none is written."),
        Field("value", Leaf.STRING, "The value."),
    ),
)

_ENDPOINT_SELECTOR: Final = Field(
    "endpointSelector", SELECTOR, "The endpoints that the policy is about; {} is all of them in the policy's namespace, or in every namespace."
)
_REST: Final = (
    *(Field(shape.name, ListOf(shape), shape.doc) for shape in RULES.values()),
    Field("enableDefaultDeny", DEFAULT_DENY, DEFAULT_DENY.doc),
    Field("labels", ListOf(Leaf.ANYTHING), "Labels of the policy itself, `source:key=value` or mappings with source, key and value; they say nothing about flows.", null=True),
    Field("description", Leaf.STRING, "A note for people.", null=True),
    Field("log", LOG, LOG.doc),
)  # fmt: skip
SPEC: Final = Shape(
    "spec",
    "A subject and the rules that hold for it.",
    (replace(_ENDPOINT_SELECTOR, required=True), *_REST),
    (("nodeSelector", f"a {Kind.CILIUM.value} is about endpoints of its namespace, not about hosts", f"write a {Kind.CILIUM_CLUSTERWIDE.value}"),),
)
CLUSTERWIDE_SPEC: Final = Shape(
    "spec",
    "A subject and the rules that hold for it: one of endpointSelector and nodeSelector.",
    (
        _ENDPOINT_SELECTOR,
        Field("nodeSelector", SELECTOR, "The hosts whose own traffic the policy is about, by labels of the node."),
        *_REST,
    ),
)


def _policy(kind: Kind, doc: str, metadata: Shape, spec: Shape) -> Shape:
    return Shape(
        kind.value,
        doc,
        (
            Field("apiVersion", Choice((API_VERSION,)), f"Always {API_VERSION}.", required=True),
            Field("kind", Choice((kind.value,)), f"Always {kind.value}.", required=True),
            Field("metadata", metadata, metadata.doc, required=True),
            Field("spec", spec, spec.doc),
            Field("specs", ListOf(spec), "Several specs under one name."),
            Field("description", Leaf.ANYTHING, "A note for people where old files have it; today it belongs into the spec.", null=True),
            Field("status", Leaf.ANYTHING, "Written by servers; says nothing about policy.", null=True),
        ),
    )


NETWORK_POLICY: Final = _policy(
    Kind.CILIUM,
    "A policy of Cilium for endpoints of one namespace: who may reach them, whom they may reach, and with which requests.",
    METADATA,
    SPEC,
)
CLUSTERWIDE_NETWORK_POLICY: Final = _policy(
    Kind.CILIUM_CLUSTERWIDE,
    "A policy of Cilium for endpoints of every namespace, or for hosts.",
    CLUSTER_METADATA,
    CLUSTERWIDE_SPEC,
)
CIDR_GROUP_SPEC: Final = Shape(
    "spec",
    "The networks of the group.",
    (Field("externalCIDRs", ListOf(Leaf.STRING), "Networks such as 192.0.2.0/24 or 2001:db8::/64.", required=True),),
)
CIDR_GROUP: Final = Shape(
    CIDR_GROUP_KIND,
    "A named list of networks, which fromCIDRSet and toCIDRSet find by its name or its labels.",
    (
        Field("apiVersion", Choice(GROUP_VERSIONS), f"One of {' and '.join(GROUP_VERSIONS)}.", required=True),
        Field("kind", Choice((CIDR_GROUP_KIND,)), f"Always {CIDR_GROUP_KIND}.", required=True),
        Field("metadata", CLUSTER_METADATA, CLUSTER_METADATA.doc, required=True),
        Field("spec", CIDR_GROUP_SPEC, CIDR_GROUP_SPEC.doc, required=True),
        Field("status", Leaf.ANYTHING, "Written by servers; says nothing about policy.", null=True),
    ),
)
