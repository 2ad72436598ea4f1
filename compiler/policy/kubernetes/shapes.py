"""The keys of networking.k8s.io/v1 NetworkPolicy, as tables."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.kubernetes.metadata import METADATA
from pybpf.compiler.policy.model.labels import Operator
from pybpf.compiler.policy.text.shapes import Choice, Field, Leaf, ListOf, Shape

API_VERSION: Final = "networking.k8s.io/v1"
KIND: Final = "NetworkPolicy"
POLICY_TYPES: Final = ("Ingress", "Egress")
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")

EXPRESSION: Final = Shape(
    "matchExpressions",
    "One condition on one label.",
    (
        Field("key", Leaf.STRING, "The key of the label.", required=True),
        Field("operator", Choice(tuple(each.value for each in Operator)), "How the label is looked at. NotIn and DoesNotExist hold where there is no such label.", required=True),
        Field("values", ListOf(Leaf.STRING), "The values of In and NotIn, at least one; the other operators have none."),
    ),
)  # fmt: skip
SELECTOR: Final = Shape(
    "selector",
    "Labels that must be there. All conditions hold together; an empty selector chooses everything in its scope.",
    (
        Field("matchLabels", Leaf.STRINGS, "Labels with exactly these values."),
        Field("matchExpressions", ListOf(EXPRESSION), "Conditions with operators."),
    ),
)
IP_BLOCK: Final = Shape(
    "ipBlock",
    "Addresses outside the cluster. Pods and nodes are never meant, whatever their address.",
    (
        Field("cidr", Leaf.STRING, "A network such as 192.0.2.0/24 or 2001:db8::/64.", required=True),
        Field("except", ListOf(Leaf.STRING), "Networks within `cidr`, and smaller, that are not meant. Another rule may still allow them."),
    ),
)
PEER: Final = Shape(
    "peer",
    "One kind of peer: pods by selectors, or outside addresses.",
    (
        Field("podSelector", SELECTOR, "Pods by their labels; without namespaceSelector those of the policy's own namespace."),
        Field("namespaceSelector", SELECTOR, "Pods of the namespaces with these labels; an empty one chooses every namespace."),
        Field("ipBlock", IP_BLOCK, "Addresses outside the cluster; stands alone."),
    ),
)
PORT: Final = Shape(
    "port",
    "Destination ports of one protocol.",
    (
        Field("protocol", Choice(PROTOCOLS), "TCP, UDP or SCTP; TCP where none is written."),
        Field("port", Leaf.INTEGER_OR_STRING, "A number from 1 to 65535, or the name that the destination's pod gives to a port. Without it, every port of the protocol."),
        Field("endPort", Leaf.INTEGER, "The last port of a range that begins with `port`."),
    ),
)  # fmt: skip
_PORTS: Final = Field("ports", ListOf(PORT), "To these ports, any of them; absent or empty: every port of every protocol.")
INGRESS_RULE: Final = Shape(
    "ingress",
    "Flows to the policy's pods that are allowed: from any of these peers to any of these ports. An empty rule allows every flow.",
    (Field("from", ListOf(PEER), "From these peers; absent or empty: from anybody at all."), _PORTS),
)
EGRESS_RULE: Final = Shape(
    "egress",
    "Flows of the policy's pods that are allowed: to any of these peers at any of these ports. An empty rule allows every flow.",
    (Field("to", ListOf(PEER), "To these peers; absent or empty: to anybody at all."), _PORTS),
)
SPEC: Final = Shape(
    "spec",
    "The pods that the policy is about, and what is allowed for them.",
    (
        Field("podSelector", SELECTOR, "The pods of the policy's namespace that it is about; {} is all of them.", required=True),
        Field("policyTypes", ListOf(Choice(POLICY_TYPES)), "The directions in which what no rule allows is refused. Where none is written: Ingress, and Egress if there is an egress rule."),
        Field("ingress", ListOf(INGRESS_RULE), "What may come in. Without a rule nothing may."),
        Field("egress", ListOf(EGRESS_RULE), "What may go out. Without a rule nothing may, if policyTypes has Egress."),
    ),
)  # fmt: skip
NETWORK_POLICY: Final = Shape(
    KIND,
    "A policy of Kubernetes itself: who may reach the pods of a namespace, and whom they may reach.",
    (
        Field("apiVersion", Leaf.STRING, f"Always {API_VERSION}.", required=True),
        Field("kind", Choice((KIND,)), f"Always {KIND}.", required=True),
        Field("metadata", METADATA, METADATA.doc, required=True),
        Field("spec", SPEC, SPEC.doc, required=True),
        Field("status", Leaf.ANYTHING, "Written by servers; says nothing about policy.", null=True),
    ),
)
