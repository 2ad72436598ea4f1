"""The pages of what is refused in Cilium's objects, and of what is read with a doubt. What their names, labels, selectors and
networks may be is Kubernetes' affair: those pages are in kubernetes/codes.py."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.codes import Page

PAGES: Final[tuple[Page, ...]] = (
    Page(
        "policy-no-rules",
        "a policy has no spec, or a spec has no rule. It would select endpoints for nothing",
        "spec: {endpointSelector: {}, ingress: []}",
        "Write a rule. `ingress: [{}]` selects endpoints for default deny and allows nothing.",
    ),
    Page(
        "policy-subject",
        "a spec is about nobody in particular, about endpoints and hosts at once, or about endpoints of another namespace",
        "endpointSelector: {matchLabels: {io.kubernetes.pod.namespace: other}}",
        "Write one of endpointSelector and nodeSelector, and the policy into the namespace that it is about.",
    ),
    Page(
        "lint-label-source",
        "a key begins with the name of a source and a dot: it is a label that nobody has, and not the one of that source",
        "matchLabels: {k8s.io.kubernetes.pod.namespace: kube-system}",
        "Write a colon: `k8s:io.kubernetes.pod.namespace`, `reserved:init`.",
    ),
    Page(
        "policy-combined-peers",
        "one rule names peers of two kinds. Cilium refuses it",
        "- fromEndpoints: [{}]\n  fromCIDR: [192.0.2.0/24]",
        "Make two rules of it, one for each kind: rules add up.",
    ),
    Page(
        "policy-deny-nobody",
        "a deny rule names peers that nobody is known to be: it would deny nothing",
        "ingressDeny: [{fromGroups: []}]",
        "Name whom to deny, or remove the list to deny everybody on the rule's ports.",
    ),
    Page(
        "policy-one-of",
        "of several keys exactly one must stand, and none does, or several",
        "toFQDNs: [{matchName: a.example, matchPattern: '*.example'}]",
        "Keep one of them, or make an item for each.",
    ),
    Page(
        "policy-empty",
        "a text is empty where Cilium would read it as if its key were absent: any value would do",
        "http: [{method: GET, path: ''}]",
        "Write a value, or remove the key if any value will do.",
    ),
    Page(
        "policy-too-many",
        "a list has more items than Cilium takes",
        "ports: [... 41 of them ...]",
        "Spread them over several elements: their ports add up.",
    ),
    Page(
        "policy-port-text",
        "a port is no number in quotes and no name, or a range begins at no number",
        "ports: [{port: 80x!}]",
        'Write a number from 1 to 65535 in quotes, "0" for every port, or a name of at most 15 letters, digits and \'-\'.',
    ),
    Page(
        "policy-protocol",
        "a protocol is not known, has no ports, or has types instead",
        "ports: [{port: '80', protocol: HTTP}]",
        "Write TCP, UDP, SCTP or ANY; VRRP, IGMP, GRE, IPIP, IPV6, ESP or AH without a port; `icmps` for ICMP.",
    ),
    Page(
        "policy-icmp-type",
        "an ICMP type has a name that its family does not have",
        "icmps: [{fields: [{type: EchoRequst}]}]",
        "Write a number from 0 to 255 or one of Cilium's names, and `family: IPv6` for ICMPv6.",
    ),
    Page(
        "policy-icmp-ports",
        "one rule has toPorts and icmps. Cilium refuses it",
        "- toPorts: [{ports: [{port: '80'}]}]\n  icmps: [{fields: [{type: 8}]}]",
        "Make two rules of it: rules add up.",
    ),
    Page(
        "policy-layer7-types",
        "`rules` are of two protocols, or of a parser that is not named",
        "rules: {http: [{}], dns: [{matchPattern: '*'}]}",
        "Make an element of toPorts for each protocol; name the parser of `l7` with l7proto.",
    ),
    Page(
        "policy-layer7-protocol",
        "requests of a protocol are to be looked at where it is not spoken: HTTP and Kafka go over TCP, DNS over TCP and UDP",
        "toPorts: [{ports: [{port: '80'}], rules: {http: [{}]}}]",
        "Write `protocol: TCP` to the port.",
    ),
    Page(
        "policy-layer7-port",
        "requests are to be looked at on every port, or DNS on no port or a range of them",
        "toPorts: [{ports: [{port: '0', protocol: TCP}], rules: {http: [{}]}}]",
        "Name the ports one by one.",
    ),
    Page(
        "policy-layer7-direction",
        "requests are to be looked at where Cilium does not: DNS on ingress, anything but DNS on a host",
        "ingress: [{toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: '*'}]}}]}]",
        "Move DNS rules to an egress rule of those who ask; write other rules for endpoints.",
    ),
    Page(
        "policy-pattern",
        "a method, path or host is no regular expression, or of a kind that no automaton can match",
        "http: [{path: '*'}]",
        "Write an RE2 expression for the whole value: `/public/.*`, not `/public/*`.",
    ),
    Page(
        "policy-header",
        "a header has a name or value that no header can have",
        "headers: ['X-Token:42']",
        "Write `Name: value` with a space behind the colon, or `Name` if any value will do.",
    ),
    Page(
        "policy-dns-name",
        "a text is no DNS name, or a name has a star",
        "toFQDNs: [{matchName: '*.example.com'}]",
        "Write letters, digits, '-' and '_' between single dots; stars go into matchPattern.",
    ),
    Page(
        "policy-server-name",
        "server names are none that TLS has, or stand where TLS does not or where its inside is to be looked at",
        "toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: ['']}]",
        "Write names, `*` for a run within a label, `**` for a run of labels; on TCP, without `rules` unless TLS ends here.",
    ),
    Page(
        "policy-listener",
        "an Envoy listener is asked for where Cilium has none: on ingress, beside rules, or from another scope",
        "ingress: [{toPorts: [{listener: {envoyConfig: {name: e}, name: l}}]}]",
        "Use listeners in egress rules without `rules`, and clusterwide ones in clusterwide policies.",
    ),
    Page(
        "policy-kafka",
        "a Kafka rule has a role, API key, version or topic that is none",
        "kafka: [{role: producer}]",
        "Write role: produce or consume, an API key by its name, a version as a number in quotes.",
    ),
    Page(
        "policy-log",
        "the text for events is too long, or not printable",
        "log: {value: a text that goes on and on and on and on}",
        "Write at most 32 printable characters.",
    ),
    Page(
        "lint-bare-address",
        "an address stands where a network belongs. The network of that address is meant; Cilium 1.20 refuses it",
        "fromCIDR: [192.0.2.7]",
        "Write 192.0.2.7/32; an IPv6 address with /128.",
    ),
    Page(
        "lint-port-range",
        "a range of ports ends before it begins. As in Cilium, its first port alone is meant",
        "ports: [{port: '90', endPort: 80, protocol: TCP}]",
        "Write an endPort above port, or remove it.",
    ),
    Page(
        "lint-cloud-group",
        "a rule allows a cloud provider's group. pybpf asks no provider: the rule allows nobody",
        "fromGroups: [{aws: {securityGroupsIds: [sg-1]}}]",
        "Name the addresses in a CiliumCIDRGroup.",
    ),
    Page(
        "convert-not-in-cilium",
        "a policy says something that a CiliumNetworkPolicy cannot. The policy is not converted, since it would come out weaker or different",
        "tier admin",
        "Keep the policy in a .policy file, or write what it should say without that.",
    ),
    Page(
        "convert-changed",
        "a policy is converted, but something that it says does not come along: refusals look as Cilium makes them, or newer Cilium lacks a parser",
        "on deny: reset",
        "Read the message: what is allowed stays the same.",
    ),
)
