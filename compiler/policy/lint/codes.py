"""The pages of what is told about policies that can be used and may not mean what they say."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.codes import Page

PAGES: Final[tuple[Page, ...]] = (
    Page("lint-never-matches", "a rule, selector or condition can match nothing at all", "toPorts: [{ports: [...], rules: {http: [{path: flights}]}}]", "Compare it with what is sent: paths begin with /, a label has one value."),
    Page("lint-denied", "a deny rule covers everything that this rule allows. Deny rules win", "ingress: [{fromEndpoints: [a], toPorts: [80]}]\ningressDeny: [{fromEndpoints: [a]}]", "Remove one of the two."),
    Page("lint-redundant", "another rule for the same endpoints allows all that this one allows", "ingress: [{fromEntities: [all]}, {fromEndpoints: [a]}]", "Remove this one; or the other, if it allows more than was meant."),
    Page(
        "lint-requests-silenced",
        "a rule looks at requests, and another allows the same peers and ports without looking: every request passes",
        "ingress: [{fromEndpoints: [a]}, {fromEndpoints: [a], toPorts: [80, http: GET]}]",
        "Remove the rule without requests, or say the requests in it too.",
    ),
    Page(
        "lint-dns-not-silenced",
        "a rule looks at DNS queries, and a wider one allows all of the resolver. Unlike HTTP rules, those of queries are not silenced by it: other queries are refused",
        "egress: [{toEndpoints: [dns]}, {toEndpoints: [dns], toPorts: [53/UDP, dns: a.example]}]",
        "Allow exactly that port as well if every query may pass, or narrow the wider rule.",
    ),
    Page(
        "lint-deny-only",
        "a policy has deny rules alone for a direction. They switch default deny on, and nothing allows anything: all is refused",
        "ingressDeny: [{fromEntities: [world]}]",
        "Add a rule that allows, or write enableDefaultDeny: {ingress: false}.",
    ),
    Page(
        "lint-names-without-dns",
        "a rule is about DNS names, and no policy for these endpoints has rules of DNS queries, from whose answers addresses become known by name",
        "egress: [{toFQDNs: [{matchName: a.example}]}]",
        'Allow queries to the resolver with `rules: {dns: [{matchPattern: "*"}]}`.',
    ),
    Page("lint-conflict", "two rules for the same peers and ports ask for things that cannot hold at once. Cilium refuses the later policy", "two listeners for port 443", "Say the same in both."),
    Page(
        "lint-negative-selector",
        "a selector asks only what is not: hosts, the world and all else that lacks a label meet it",
        "cluster policy p for app=s { allow from team!=a anywhere }",
        "Ask for a namespace too, or for a label that those who are meant have.",
    ),
    Page("lint-path-query", "a path rule matches no request with a query: the path that is matched includes it", 'http: [{method: GET, path: "/flights"}]', r'End it in (\?.*)? if a query may follow; in the language in ?*.'),
    Page("lint-method-case", "a method is written in small letters. Methods are matched case and all", "http: [{method: get}]", "Write GET."),
    Page("lint-host-case", "a regular expression for a host has letters: clients may send a host in any case, and these are matched as they are", "http: [{host: api.example}]", "Write (?i) before it."),
    Page("lint-host-dot", "a dot in a regular expression for a host stands for any character", "http: [{host: api.example}]", r"Write \. for a dot."),
    Page("lint-regex-size", "a regular expression needs more states than the kernel's tables have room for; the hint points at the worst part", 'path: "/.*a.{30}"', "Repeat less often, or without a bound."),
    Page("lint-selects-nothing", "nothing in the inventory is what a selector, service or group asks for", "endpointSelector: {matchLabels: {app: shpo}}", "Compare it with the inventory."),
    Page("lint-unknown-port", "no endpoint of the inventory has a port of this name", "ports: [{port: htpp}]", "Write the number, or add the name to the endpoint."),
    Page(
        "lint-cidr-inside",
        "a network in a rule holds addresses of endpoints or nodes, which it does not mean: rules find those by labels and entities",
        "fromCIDR: [10.0.0.0/8]",
        "Choose them by labels, or set cidr_matches_endpoints in the inventory if your cluster does.",
    ),
)
