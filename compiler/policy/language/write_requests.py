"""Ports and requests -> words of the language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, assert_never

from pybpf.compiler.policy.cilium.kafka import API_KEYS, ROLES
from pybpf.compiler.policy.language.conditions import kind_of
from pybpf.compiler.policy.language.ports import type_name
from pybpf.compiler.policy.language.words import quoted
from pybpf.compiler.policy.language.write_peers import dns_pattern
from pybpf.compiler.policy.model.layer7 import (
    Dns,
    Generic,
    GenericRule,
    HeaderMatch,
    Http,
    HttpRule,
    Kafka,
    KafkaRule,
    Layer7,
    MatchKind,
    Mismatch,
    TextMatch,
)
from pybpf.compiler.policy.model.policy import Listener, PortRule, TlsContext
from pybpf.compiler.policy.model.ports import LAST_PORT, IcmpType, NamedPort, Port, PortRange

_METHOD: Final = re.compile(r"[A-Z][A-Z-]*")
_METHODS: Final = re.compile(r"[A-Z][A-Z-]*(\|[A-Z][A-Z-]*)+")
_PATH: Final = re.compile(r"/([^\s,\"'#;{}]|\{[^\s,\"'#;{}]*\})*")
_HEADER: Final = re.compile(r"[A-Za-z0-9_.-]+")
_KEYWORDS: Final = frozenset({"port", "icmp", "icmpv6", "protocol", "no"})


def port_rule(rule: PortRule) -> str:
    """Ports, and what must hold for what goes there."""
    text = f"on {where(rule)}"
    return f"{text}: {requests(rule.layer7)}" if rule.layer7 is not None else text


def where(rule: PortRule) -> str:
    """Ports, and what must hold for connections there."""
    parts = [_ports(rule.ports)]
    if rule.server_names:
        parts.append(f"tls {', '.join(quoted(each.text) for each in rule.server_names)}")
    parts += [f"{word} {_tls(context)}" for word, context in _contexts(rule) if context is not None]
    if rule.listener is not None:
        parts.append(f"listener {_listener(rule.listener)}")
    return " ".join(parts)


def requests(layer7: Layer7) -> str:
    """The requests of one protocol."""
    return ", ".join(each_request(layer7))


def each_request(layer7: Layer7) -> list[str]:
    """The requests of one protocol, one by one; where there are none, a word that says so."""
    match layer7:
        case Http(rules):
            return [_http(each) for each in rules] or ["no http"]
        case Dns(patterns):
            return [f"query {dns_pattern(each)}" for each in patterns] or ["no dns"]
        case Kafka(kafka):
            return [_kafka(each) for each in kafka] or ["no kafka"]
        case Generic(parser, generic):
            return [f"parser {quoted(parser)} {_conditions(each)}" for each in generic] or [f"parser {quoted(parser)}"]
        case _:
            assert_never(layer7)


def _contexts(rule: PortRule) -> tuple[tuple[str, TlsContext | None], ...]:
    return ("terminating", rule.terminating_tls), ("originating", rule.originating_tls)


def _ports(ports: Sequence[Port]) -> str:
    if not ports:
        return "no port"
    written = [_port(each) for each in ports]
    return ", ".join(each if has_word else f"port {each}" for each, has_word in _after_ports(written))


def _after_ports(written: Sequence[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Each text, and whether no `port` is needed before it: it says what it is, or the one before it was a port."""
    return [(text, named or (index > 0 and not written[index - 1][1])) for index, (text, named) in enumerate(written)]


def _port(port: Port) -> tuple[str, bool]:
    """A port, and whether it says itself what it is."""
    match port:
        case IcmpType(protocol):
            return f"{protocol.name.lower()} {type_name(port)}", True
        case NamedPort(protocol, called):
            text = f"{called}/{protocol.name.lower()}"
            return (quoted(text) if called in _KEYWORDS else text), False
        case PortRange(protocol, 0, last) if last == LAST_PORT:
            return f"protocol {protocol.name.lower()}", True
        case PortRange(protocol, first, last):
            return f"{first if first == last and first else f'{first}-{last}'}/{protocol.name.lower()}", False
        case _:
            assert_never(port)


def _tls(context: TlsContext) -> str:
    namespace, name = context.secret
    parts = {"secret": f"{namespace}/{name}", "ca": context.trusted_ca, "certificate": context.certificate, "key": context.private_key}
    return f"({', '.join(f'{key}={quoted(text)}' for key, text in parts.items())})"


def _listener(listener: Listener) -> str:
    parts = {"kind": listener.kind, "config": listener.config, "name": listener.name}
    return f"({', '.join(f'{key}={quoted(text)}' for key, text in parts.items())}, priority={listener.priority})"


def _http(rule: HttpRule) -> str:
    parts = [_method(rule.method)] if rule.method is not None else []
    parts += [_path(rule.path)] if rule.path is not None else []
    parts += [f"host {_text(rule.host)}"] if rule.host is not None else []
    parts += [_header(each) for each in rule.headers]
    parts += ["websocket"] if rule.websocket else []
    return " ".join(parts) or "any request"


def _method(match: TextMatch) -> str:
    bare = {MatchKind.EXACT: _METHOD, MatchKind.REGEX: _METHODS}.get(match.kind)
    return match.text if bare is not None and bare.fullmatch(match.text) else f"method {_text(match)}"


def _path(match: TextMatch) -> str:
    return match.text if kind_of(match.text) is match.kind and _PATH.fullmatch(match.text) else _text(match)


def _text(match: TextMatch) -> str:
    return quoted(match.text) if kind_of(match.text) is match.kind else f"{match.kind.value} {quoted(match.text)}"


def _header(header: HeaderMatch) -> str:
    text = f"header {header.name if _HEADER.fullmatch(header.name) else quoted(header.name)}"
    if header.match is not None:
        is_exact = header.match.kind is MatchKind.EXACT
        text += f" {'=' if is_exact else header.match.kind.value} {quoted(header.match.text)}"
    if header.secret is not None:
        text += f" secret {quoted('/'.join(header.secret))}"
    return text + (f" else {header.mismatch.value.lower()}" if header.mismatch is not Mismatch.REFUSE else "")


def _kafka(rule: KafkaRule) -> str:
    parts = ["kafka"]
    if rule.api_keys is not None:
        roles = [role for role, keys in ROLES.items() if keys == rule.api_keys]
        names = ", ".join(API_KEYS[key] if key < len(API_KEYS) else str(key) for key in sorted(rule.api_keys))
        parts.append(roles[0] if roles else f"keys ({names})")
    parts += [f"version {rule.api_version}"] if rule.api_version is not None else []
    parts += [f"client {quoted(rule.client_id)}"] if rule.client_id is not None else []
    parts += [f"topic {quoted(rule.topic)}"] if rule.topic is not None else []
    return " ".join(parts)


def _conditions(rule: GenericRule) -> str:
    return f"({', '.join(f'{quoted(key)}={quoted(value)}' for key, value in rule.fields)})"
