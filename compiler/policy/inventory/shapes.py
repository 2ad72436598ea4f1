"""The keys of an inventory file, as tables."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.text.shapes import Choice, Field, Leaf, ListOf, MapOf, Shape

ENFORCEMENT: Final = ("default", "always", "never")
CIDR_MATCHES: Final = ("endpoints", "nodes")

SETTINGS: Final = Shape(
    "settings",
    "What the cluster's administrator chose; the defaults are Cilium's.",
    (
        Field("enforcement", Choice(ENFORCEMENT), "default: a side of an endpoint is enforced once a policy selects it. always: every side is. never: none is."),
        Field("allowLocalhost", Leaf.BOOLEAN, "Whether the local host reaches its endpoints unless a rule denies it; true where nothing is written."),
        Field("cidrMatches", ListOf(Choice(CIDR_MATCHES)), "Whose addresses networks in rules cover besides those outside the cluster."),
    ),
)  # fmt: skip
NAMESPACE: Final = Shape(
    "namespace",
    "A namespace. Namespaces without labels need not be listed.",
    (Field("labels", Leaf.STRINGS, "The labels of the namespace."),),
)
ENDPOINT: Final = Shape(
    "endpoint",
    "A workload: a pod, a container, a virtual machine.",
    (
        Field("name", Leaf.STRING, "The name, distinct within the namespace.", required=True),
        Field("namespace", Leaf.STRING, "The namespace; 'default' where none is written."),
        Field("labels", Leaf.STRINGS, "Its own labels. A key may carry its source (reserved:init); k8s where none is written."),
        Field("addresses", ListOf(Leaf.STRING), "Its IPv4 and IPv6 addresses, which nobody else has."),
        Field("ports", Leaf.STRINGS, "The ports that it has names for: `http: 80/tcp`."),
        Field("serviceAccount", Leaf.STRING, "The Kubernetes service account that it runs as."),
        Field("interface", Leaf.STRING, "The network interface of this host behind which it is."),
        Field("networkNamespace", Leaf.STRING, "The network namespace of this host in which it is: a name, or a path."),
        Field("audit", Leaf.BOOLEAN, "Whether what policies refuse it is told and passes; false where nothing is written."),
    ),
)
NODE: Final = Shape(
    "node",
    "A host of the cluster.",
    (
        Field("name", Leaf.STRING, "The name, distinct among the nodes.", required=True),
        Field("labels", Leaf.STRINGS, "The labels of the node."),
        Field("addresses", ListOf(Leaf.STRING), "Its addresses, which nobody else has."),
        Field("local", Leaf.BOOLEAN, "Whether this is the host whose kernel enforces; one at most."),
        Field("apiServer", Leaf.BOOLEAN, "Whether the Kubernetes API is served here."),
    ),
)
SERVICE: Final = Shape(
    "service",
    "A service: the endpoints that a selector chooses, or addresses.",
    (
        Field("name", Leaf.STRING, "The name, distinct within the namespace.", required=True),
        Field("namespace", Leaf.STRING, "The namespace; 'default' where none is written."),
        Field("labels", Leaf.STRINGS, "The labels of the service."),
        Field("selector", Leaf.STRINGS, "Labels of the endpoints of its namespace that stand behind it."),
        Field("backends", ListOf(Leaf.STRING), "The addresses that stand behind a service without a selector."),
    ),
)
CIDR_GROUP: Final = Shape(
    "cidrGroup",
    "Networks under one name.",
    (
        Field("name", Leaf.STRING, "The name, distinct among the groups.", required=True),
        Field("labels", Leaf.STRINGS, "The labels of the group."),
        Field("cidrs", ListOf(Leaf.STRING), "The networks.", required=True),
    ),
)
INVENTORY: Final = Shape(
    "inventory",
    "Who exists: everything that policies can be about.",
    (
        Field("cluster", Leaf.STRING, "The name of the cluster; 'default' where none is written."),
        Field("settings", SETTINGS, SETTINGS.doc),
        Field("namespaces", MapOf(NAMESPACE), "Namespaces by their names."),
        Field("endpoints", ListOf(ENDPOINT), "The workloads of the cluster."),
        Field("nodes", ListOf(NODE), "The hosts of the cluster."),
        Field("services", ListOf(SERVICE), "The services of the cluster."),
        Field("cidrGroups", ListOf(CIDR_GROUP), "Named lists of networks."),
    ),
)
