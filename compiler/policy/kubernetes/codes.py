"""The pages of what is refused in names, labels, networks and NetworkPolicies."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.codes import Page

PAGES: Final[tuple[Page, ...]] = (
    Page(
        "policy-name",
        "an object or namespace is called what no Kubernetes object can be called",
        "metadata: {name: Read_Flights}",
        "Use small letters, digits, '-' and '.' (a namespace: no '.'), beginning and ending with a letter or digit.",
    ),
    Page(
        "lint-object-name",
        "a policy has a name that Kubernetes would refuse. pybpf can use it; an API server will not take the file",
        "metadata: {name: readFlightsRule}",
        "Use small letters, digits, '-' and '.', beginning and ending with a letter or digit.",
    ),
    Page(
        "policy-label",
        "a label has a key or value that no label can have, or a key that people do not write. A selector with it would choose nobody",
        "podSelector: {matchLabels: {app: 'two words'}}",
        "Write at most 63 letters, digits, '-', '_' and '.'; a key may begin with a DNS name and '/'. Choose namespaces by namespaceSelector.",
    ),
    Page(
        "policy-selector",
        "an expression has values where its operator has none, or none where it needs some",
        "matchExpressions: [{key: app, operator: In}]",
        "Give In and NotIn at least one value, and Exists and DoesNotExist none.",
    ),
    Page(
        "policy-port",
        "a port is no number from 1 to 65535 and no name, or a range does not end behind its beginning",
        "ports: [{port: 90, endPort: 80}]",
        "Write a number without quotes, or a name of at most 15 small letters, digits and '-'; endPort is at least port.",
    ),
    Page(
        "policy-cidr",
        "a text is not a network, or an exception does not lie within its network or is all of it",
        "ipBlock: {cidr: 10.0.0.0/8, except: [192.168.0.0/16]}",
        "Write an address, '/' and the length of the prefix. Exceptions are smaller networks within the network.",
    ),
    Page(
        "policy-address",
        "a text is not an address, or not one that a single owner can have",
        "addresses: [0.0.0.0]",
        "Write the address at which others reach the endpoint, without '/' and prefix.",
    ),
    Page(
        "policy-peer",
        "a peer says nobody, or both an ipBlock and selectors",
        "from: [{ipBlock: {cidr: 192.0.2.0/24}, podSelector: {}}]",
        "Write one peer for the ipBlock and another for the selectors: the peers of a list are alternatives.",
    ),
    Page(
        "lint-policy-types",
        "policyTypes leaves out a direction that the policy has rules for, or that it seems to want refused: they say nothing",
        "spec: {podSelector: {}, policyTypes: [Ingress], egress: [{}]}",
        "Add the direction to policyTypes, or remove its rules.",
    ),
    Page(
        "lint-cidr-host-bits",
        "a network is written with bits behind its prefix, as if one address were meant; the whole network is",
        "ipBlock: {cidr: 10.1.2.3/8}",
        "Write the network's first address, or the prefix length 32 (IPv6: 128) for the one address.",
    ),
)
