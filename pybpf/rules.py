"""Policies as values: made in Python, the same as those that are read from files.

    from pybpf import rules

    board = rules.labels(app="flights_board", env="prod")
    flights = rules.policy(
        "read-flights",
        rules.labels(app="flights_service"),
        rules.allow_from(board, ports=[rules.tcp(80)], requests=[rules.http("GET", "/flights")]),
    )

Every part is a piece of the policy language (docs/policy-language.md), so that what holds there holds here: what is wrong is a
CompileError that shows the piece, and names the line of Python at which the policy is made. Parts are values: equal if they say the
same, to be kept in variables, lists and functions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Literal

from pybpf.compiler.diag import CompileError, Severity, Source
from pybpf.compiler.policy.language import quoted, read
from pybpf.compiler.policy.model.policy import Policy
from pybpf.rule_parts import Condition as Condition
from pybpf.rule_parts import Labels as Labels
from pybpf.rule_parts import Peer as Peer
from pybpf.rule_parts import Port as Port
from pybpf.rule_parts import Request as Request
from pybpf.rule_parts import Rule as Rule
from pybpf.rule_parts import Text as Text
from pybpf.rule_parts import given, network_text, require, without, word

OnDeny = Literal["403", "refused", "reset", "icmp", "drop"]
Direction = Literal["ingress", "egress"]


ENDPOINTS = Labels("endpoints")
ANYBODY, NOBODY, NODES = Peer("anybody"), Peer("nobody"), Peer("nodes")
WORLD, CLUSTER, HOST, REMOTE_NODE, KUBE_APISERVER = (Peer(each) for each in ("world", "cluster", "host", "remote-node", "kube-apiserver"))


def labels(*conditions: Condition | Mapping[str, str], **equal: str) -> Labels:
    """Endpoints by labels: `labels(app="web")`, `labels({"app.kubernetes.io/name": "web"})`, and conditions such as has("x")."""
    for each in conditions:
        if not isinstance(each, (Condition, Mapping)):
            raise TypeError(f"{each!r} is no condition: write has(...), lacks(...), is_in(...), is_not(...) or key=value")
    parts = [each.text for each in conditions if isinstance(each, Condition)]
    pairs = [*(pair for each in conditions if isinstance(each, Mapping) for pair in each.items()), *equal.items()]
    parts += [f"{quoted(key)}={quoted(value)}" for key, value in pairs]
    if not parts:
        raise ValueError("labels() without a label would be every endpoint: write ENDPOINTS for that")
    return Labels(", ".join(parts))


def is_in(key: str, *values: str) -> Condition:
    """A label with one of these values."""
    return Condition(f"{quoted(key)} in ({', '.join(map(quoted, values))})")


def is_not(key: str, *values: str) -> Condition:
    """A label that is absent or has none of these values."""
    return Condition(f"{quoted(key)} not in ({', '.join(map(quoted, values))})")


def has(key: str) -> Condition:
    """A label that is there, whatever its value."""
    return Condition(f"has {quoted(key)}")


def lacks(key: str) -> Condition:
    """A label that is not there."""
    return Condition(f"!{quoted(key)}")


def entity(name: str) -> Peer:
    """A group that is known without labels: world, cluster, health, ..."""
    return Peer(word(name))


def cidr(network: str, *, excepts: Iterable[str] = ()) -> Peer:
    """Addresses outside the cluster."""
    return Peer(network_text(network) + without(excepts))


def cidr_group(name: str, *, excepts: Iterable[str] = ()) -> Peer:
    """The addresses of a CiliumCIDRGroup."""
    return Peer(f"cidr-group {quoted(name)}{without(excepts)}")


def service(name: str, *, namespace: str | None = None) -> Peer:
    """What stands behind a service, of the policy's namespace unless another is given."""
    return Peer(f"service {quoted(name)}" + (f" in namespace {quoted(namespace)}" if namespace is not None else ""))


def dns_name(name: str) -> Peer:
    """Addresses by the DNS name that they were seen to have; stars make a pattern."""
    return Peer(f"name {quoted(name)}")


def nodes(*conditions: Condition | Mapping[str, str], **equal: str) -> Peer:
    """Hosts by their labels; NODES is all of them."""
    return Peer(f"nodes {labels(*conditions, **equal).text}")


def tcp(first: int | str, last: int | None = None) -> Port:
    """A port of TCP by number or name, or a range."""
    return _port(first, last, "tcp")


def udp(first: int | str, last: int | None = None) -> Port:
    """A port of UDP by number or name, or a range."""
    return _port(first, last, "udp")


def any_port(first: int | str, last: int | None = None) -> Port:
    """A port of TCP, UDP and SCTP by number or name, or a range."""
    return _port(first, last, "any")


def icmp(kind: int | str) -> Port:
    """ICMP messages by the number or name of their type."""
    return Port(f"icmp {word(str(kind))}")


def icmpv6(kind: int | str) -> Port:
    """ICMPv6 messages by the number or name of their type."""
    return Port(f"icmpv6 {word(str(kind))}")


def protocol(name: str) -> Port:
    """Everything of one protocol."""
    return Port(f"protocol {word(name)}")


def exact(text: str) -> Text:
    """The text itself."""
    return Text(f"exact {quoted(text)}")


def prefix(text: str) -> Text:
    """The text, and anything behind it."""
    return Text(f"prefix {quoted(text)}")


def glob(text: str) -> Text:
    """`*` stands for a run within a part, `**` for one across parts."""
    return Text(f"glob {quoted(text)}")


def template(text: str) -> Text:
    """`{name}` stands for one part."""
    return Text(f"template {quoted(text)}")


def regex(text: str) -> Text:
    """A regular expression of RE2 for the whole text."""
    return Text(f"regex {quoted(text)}")


def http(
    method: str | Text | None = None,
    path: str | Text | None = None,
    *,
    host: str | Text | None = None,
    headers: Mapping[str, str | Text | None] | None = None,
) -> Request:
    """HTTP requests. What is None is not looked at; a header that is None must be there, whatever its value."""
    parts = [f"method {_text(method)}"] if method is not None else []
    if path is not None:
        parts.append(_text(path))
    parts += [f"host {_text(host)}"] if host is not None else []
    parts += [_header(name, value) for name, value in (headers or {}).items()]
    return Request(" ".join(parts) or "any request")


def query(name: str) -> Request:
    """DNS queries for a name; stars make a pattern."""
    return Request(f"query {quoted(name)}")


def kafka(role: Literal["produce", "consume"] | None = None, *, topic: str | None = None, client: str | None = None) -> Request:
    """Kafka requests by role, topic and client."""
    parts = ["kafka", *([word(role)] if role is not None else [])]
    parts += [f"client {quoted(client)}"] if client is not None else []
    return Request(" ".join([*parts, *([f"topic {quoted(topic)}"] if topic is not None else [])]))


def allow_from(
    *peers: Labels | Peer, ports: Iterable[Port] | None = None, requests: Iterable[Request] | None = None, tls: Iterable[str] | None = None, on_deny: OnDeny | None = None
) -> Rule:
    """Let these callers in; on every port of every protocol unless ports are given."""
    return _rule("allow from", peers, ports, requests, tls, on_deny)


def allow_to(
    *peers: Labels | Peer, ports: Iterable[Port] | None = None, requests: Iterable[Request] | None = None, tls: Iterable[str] | None = None, on_deny: OnDeny | None = None
) -> Rule:
    """Let the subject out to these."""
    return _rule("allow to", peers, ports, requests, tls, on_deny)


def deny_from(
    *peers: Labels | Peer, ports: Iterable[Port] | None = None, requests: Iterable[Request] | None = None, tls: Iterable[str] | None = None, on_deny: OnDeny | None = None
) -> Rule:
    """Keep these callers out, whatever other rules allow."""
    return _rule("deny from", peers, ports, requests, tls, on_deny)


def deny_to(
    *peers: Labels | Peer, ports: Iterable[Port] | None = None, requests: Iterable[Request] | None = None, tls: Iterable[str] | None = None, on_deny: OnDeny | None = None
) -> Rule:
    """Keep the subject from these, whatever other rules allow."""
    return _rule("deny to", peers, ports, requests, tls, on_deny)


def default_allow(direction: Direction) -> Rule:
    """What no rule allows passes all the same in this direction."""
    return Rule(f"default allow {word(direction)}")


def default_deny(direction: Direction) -> Rule:
    """What no rule allows is refused in this direction, even without a rule of it."""
    return Rule(f"default deny {word(direction)}")


def policy(
    name: str, subject: Labels, *rules: Rule, namespace: str = "default", audit: bool = False, on_deny: OnDeny | None = None, description: str = ""
) -> Policy:
    """A policy of one namespace. Raises CompileError with everything that is wrong in it."""
    head = f"policy {quoted(name)} in namespace {quoted(namespace)} for {subject}"
    return _made(head, rules, audit, on_deny, description)


def cluster_policy(
    name: str, subject: Labels | Peer, *rules: Rule, audit: bool = False, on_deny: OnDeny | None = None, description: str = ""
) -> Policy:
    """A policy of the whole cluster, for endpoints or for hosts (nodes()). Raises CompileError with everything that is wrong in it."""
    return _made(f"cluster policy {quoted(name)} for {subject}", rules, audit, on_deny, description)


def _made(head: str, rules: Iterable[Rule], audit: bool, on_deny: OnDeny | None, description: str) -> Policy:
    lines = [f"description {quoted(description)}"] if description else []
    lines += ["audit"] if audit else []
    lines += [f"default on deny {word(on_deny)}"] if on_deny is not None else []
    text = "\n".join([f"{head} {{", *(f"  {line}" for line in (*lines, *(each.text for each in rules))), "}"])
    parsed = read(Source(_place(), text))
    errors = [each for each in parsed.found if each.severity is Severity.ERROR]
    if errors:
        raise CompileError(errors)
    if len(parsed.policies) != 1:
        raise ValueError("a part of this policy is more than that part: make parts with the functions of this module")
    return parsed.policies[0]


def _place() -> str:
    """The file and line that called this module."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") == __name__ and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _rule(
    head: str,
    peers: tuple[Labels | Peer, ...],
    ports: Iterable[Port] | None,
    requests: Iterable[Request] | None,
    tls: Iterable[str] | None,
    on_deny: OnDeny | None,
) -> Rule:
    if not peers:
        raise ValueError("a rule without peers would be for everybody: write ANYBODY for that")
    for peer in peers:
        require(peer, (Labels, Peer))
    text = f"{head} {' or '.join(map(str, peers))}"
    places, asked, names = (given(each) for each in (ports, requests, tls))
    for each in (*places, *asked):
        require(each, (Port, Request))
    if (asked or names) and not places:
        raise ValueError("requests and server names are looked at on ports: give some")
    if places:
        text += f" on {', '.join(each.text for each in places)}"
    text += f" tls {', '.join(map(quoted, names))}" if names else ""
    text += f": {', '.join(each.text for each in asked)}" if asked else ""
    return Rule(text + (f" on deny {word(on_deny)}" if on_deny is not None else ""))


def _port(first: int | str, last: int | None, kind: str) -> Port:
    number = str(first) if last is None else f"{first}-{last}"
    return Port(f"port {quoted(f'{number}/{kind}')}")


def _text(text: str | Text) -> str:
    return text.text if isinstance(text, Text) else quoted(text)


def _header(name: str, value: str | Text | None) -> str:
    if value is None:
        return f"header {quoted(name)}"
    return f"header {quoted(name)} {value.text if isinstance(value, Text) else f'= {quoted(value)}'}"
