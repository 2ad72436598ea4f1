"""Keys that Cilium or Kubernetes give a meaning to and this version does not enforce.

They are told apart from misspelt keys: the reader refuses both, but the hint differs. A key that is not enforced must
never be skipped: most of them narrow what the rule around them allows.
"""

from __future__ import annotations

from typing import Final

# key -> what it is, to complete "pybpf does not enforce ... yet"
NOT_ENFORCED: Final[dict[str, str]] = {
    "authentication": "mutual authentication",
    "certificate": "TLS termination",
    "cidrGroupRef": "groups of addresses",
    "dns": "DNS rules",
    "egressDeny": "deny rules",
    "enableDefaultDeny": "a choice of default deny",
    "endPort": "port ranges",
    "fromCIDR": "peers by address",
    "fromCIDRSet": "peers by address",
    "fromEntities": "entities",
    "fromGroups": "cloud groups",
    "fromNodes": "peers by node",
    "fromRequires": "required peers",
    "headerMatches": "matches on HTTP headers",
    "headers": "matches on HTTP headers",
    "host": "matches on the HTTP host",
    "icmps": "ICMP rules",
    "ingressDeny": "deny rules",
    "kafka": "Kafka rules",
    "l7": "generic L7 rules",
    "l7proto": "generic L7 rules",
    "labels": "labels on a rule",
    "listener": "Envoy listeners",
    "log": "log texts",
    "matchExpressions": "label expressions",
    "nodeSelector": "policies for hosts",
    "originatingTLS": "TLS origination",
    "serverNames": "TLS server names",
    "terminatingTLS": "TLS termination",
    "toCIDR": "peers by address",
    "toCIDRSet": "peers by address",
    "toEntities": "entities",
    "toFQDNs": "peers by name",
    "toGroups": "cloud groups",
    "toNodes": "peers by node",
    "toRequires": "required peers",
    "toServices": "peers by service",
    "trustedCA": "TLS termination",
}

# What `kubectl get -o yaml` shows beside what a person wrote.
WRITTEN_BY_SERVER: Final = frozenset(
    {"creationTimestamp", "finalizers", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "status", "uid"}
)

# kind -> what it is, to complete "pybpf does not enforce ... yet"
KINDS_NOT_ENFORCED: Final[dict[str, str]] = {
    "AdminNetworkPolicy": "policies of cluster administrators",
    "BaselineAdminNetworkPolicy": "policies of cluster administrators",
    "CiliumCIDRGroup": "groups of addresses",
    "CiliumClusterwideNetworkPolicy": "cluster-wide policies",
    "ClusterNetworkPolicy": "policies of cluster administrators",
    "List": "lists of objects",
    "NetworkPolicy": "Kubernetes network policies",
}
