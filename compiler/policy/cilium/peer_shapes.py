"""The keys with which Cilium policies name peers, as tables: selectors, networks, services, DNS names, cloud groups."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.model.labels import Operator
from pybpf.compiler.policy.model.peers import Entity
from pybpf.compiler.policy.text.shapes import Choice, Field, Leaf, ListOf, Shape

ENTITIES: Final = tuple(each.value for each in Entity)

_KEY_DOC: Final = "Keys are `key`, for a label of any source, or `source:key`, such as k8s:app or reserved:host."

EXPRESSION: Final = Shape(
    "matchExpressions",
    "One condition on one label.",
    (
        Field("key", Leaf.STRING, f"The key of the label. {_KEY_DOC}", required=True),
        Field("operator", Choice(tuple(each.value for each in Operator)), "How the label is looked at. NotIn and DoesNotExist hold where there is no such label.", required=True),
        Field("values", ListOf(Leaf.STRING), "The values of In and NotIn, at least one; the other operators have none."),
    ),
)  # fmt: skip
SELECTOR: Final = Shape(
    "selector",
    "Labels that must be there. All conditions hold together; an empty selector chooses everything in its scope.",
    (
        Field("matchLabels", Leaf.STRINGS, f"Labels with exactly these values. {_KEY_DOC}"),
        Field("matchExpressions", ListOf(EXPRESSION), "Conditions with operators."),
    ),
)
CIDR_RULE: Final = Shape(
    "CIDR rule",
    "Addresses outside the cluster: one of cidr, cidrGroupRef and cidrGroupSelector, without some exceptions.",
    (
        Field("cidr", Leaf.STRING, "A network such as 192.0.2.0/24 or 2001:db8::/64."),
        Field("cidrGroupRef", Leaf.STRING, "The networks of the CiliumCIDRGroup of this name."),
        Field("cidrGroupSelector", SELECTOR, "The networks of all CiliumCIDRGroups with these labels."),
        Field("except", ListOf(Leaf.STRING), "Networks that are not meant, each within `cidr`. Another rule may still allow them."),
    ),
)
SERVICE_BY_NAME: Final = Shape(
    "k8sService",
    "A service by its name.",
    (
        Field("serviceName", Leaf.STRING, "The name of the service.", required=True),
        Field("namespace", Leaf.STRING, "The namespace of the service; without it, services of this name in every namespace."),
    ),
)
SERVICE_BY_LABELS: Final = Shape(
    "k8sServiceSelector",
    "Services by their labels.",
    (
        Field("selector", SELECTOR, "Labels of the services; the sources of labels do not count.", required=True),
        Field("namespace", Leaf.STRING, "The namespace of the services; without it, those of every namespace."),
    ),
)
SERVICE: Final = Shape(
    "service",
    "What stands behind a service: one of k8sService and k8sServiceSelector. The ports of the service say nothing here.",
    (
        Field("k8sService", SERVICE_BY_NAME, SERVICE_BY_NAME.doc),
        Field("k8sServiceSelector", SERVICE_BY_LABELS, SERVICE_BY_LABELS.doc),
    ),
)
FQDN: Final = Shape(
    "DNS name",
    "One of matchName and matchPattern.",
    (
        Field("matchName", Leaf.STRING, "A whole DNS name, such as api.example.com. Case does not count."),
        Field("matchPattern", Leaf.STRING, "A DNS name with stars. A star is a run of letters, digits, '-' and '_', `**.` at the beginning one label or more, `*` alone every name."),
    ),
)  # fmt: skip
AWS: Final = Shape(
    "aws",
    "Instances of Amazon's cloud.",
    (
        Field("labels", Leaf.STRINGS, "Instances with these tags."),
        Field("securityGroupsIds", ListOf(Leaf.STRING), "Instances of the security groups with these identifiers."),
        Field("securityGroupsNames", ListOf(Leaf.STRING), "Instances of the security groups with these names."),
        Field("region", Leaf.STRING, "The region to ask."),
    ),
)
GROUP: Final = Shape(
    "group",
    "A group that a cloud provider keeps. pybpf asks no provider: nobody is known to be in it.",
    (Field("aws", AWS, AWS.doc, required=True),),
)

_ENDPOINTS_DOC: Final = "endpoints with these labels: of the policy's own namespace unless they name another, of every namespace in a clusterwide policy."
_CIDR_DOC: Final = "addresses outside the cluster in these networks. Pods and nodes are never meant, whatever their address."
_ENTITIES_DOC: Final = f"these groups: {', '.join(ENTITIES)}."
_NODES_DOC: Final = "other hosts of the cluster with these labels."

FROM: Final = (
    Field("fromEndpoints", ListOf(SELECTOR), f"From {_ENDPOINTS_DOC}"),
    Field("fromEntities", ListOf(Choice(ENTITIES)), f"From {_ENTITIES_DOC}"),
    Field("fromCIDR", ListOf(Leaf.STRING), f"From {_CIDR_DOC}"),
    Field("fromCIDRSet", ListOf(CIDR_RULE), f"From {_CIDR_DOC} With exceptions, or by groups of networks."),
    Field("fromNodes", ListOf(SELECTOR), f"From {_NODES_DOC}"),
    Field("fromGroups", ListOf(GROUP), f"From members of a cloud's groups. {GROUP.doc}"),
)
TO: Final = (
    Field("toEndpoints", ListOf(SELECTOR), f"To {_ENDPOINTS_DOC}"),
    Field("toEntities", ListOf(Choice(ENTITIES)), f"To {_ENTITIES_DOC}"),
    Field("toCIDR", ListOf(Leaf.STRING), f"To {_CIDR_DOC}"),
    Field("toCIDRSet", ListOf(CIDR_RULE), f"To {_CIDR_DOC} With exceptions, or by groups of networks."),
    Field("toServices", ListOf(SERVICE), f"To services. {SERVICE.doc}"),
    Field("toNodes", ListOf(SELECTOR), f"To {_NODES_DOC}"),
    Field("toGroups", ListOf(GROUP), f"To members of a cloud's groups. {GROUP.doc}"),
)
TO_NAMES: Final = Field(
    "toFQDNs",
    ListOf(FQDN),
    "To addresses outside the cluster that a DNS answer gave for these names. The answer must have been seen: allow DNS in another rule.",
)
