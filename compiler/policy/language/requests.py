"""Trees of requests -> what may be asked for on a port: of one protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lark import Token, Tree

from pybpf.compiler.policy.cilium.http import check_header_name, exact_value
from pybpf.compiler.policy.cilium.kafka import LAST_VERSION, check_topic, keys_of_name, keys_of_role
from pybpf.compiler.policy.language.attributes import attributes, secret
from pybpf.compiler.policy.language.conditions import condition, exactly
from pybpf.compiler.policy.language.context import Context, variable, words
from pybpf.compiler.policy.language.peers import dns_text
from pybpf.compiler.policy.language.syntax import Node
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
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.text.fields import Text

# RFC 9110, 9.1: a method is a token.
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NONE: Final[Mapping[str, Layer7]] = {"http": Http(()), "dns": Dns(()), "kafka": Kafka(())}
_Request: TypeAlias = HttpRule | DnsPattern | KafkaRule | Generic


def requests(node: Node, context: Context) -> Layer7 | None:
    """The requests of a list; None after a report."""
    if isinstance(node.children[0], Token):
        return _NONE[str(node.children[0])]
    already = context.report.errors
    found = _requests(node, context)
    if context.report.errors > already or not found:
        return None
    first = found[0]
    for each in found:
        other = each.parser != first.parser if isinstance(each, Generic) and isinstance(first, Generic) else type(each) is not type(first)
        if other:
            context.refuse("policy-layer7-types", node, "these are requests of two protocols", "write a port for each of them")
            return None
    return _together(found)


def _requests(node: Node, context: Context) -> list[_Request]:
    """The requests of a list, of whatever protocols, with those of its variables."""
    found: list[_Request] = []
    for each in node.children:
        if isinstance(each, Token):
            context.refuse("policy-variable", node, f"`no {each}` stands alone", "leave it out of the list")
            continue
        if each.data == "variable":
            meant = variable(each, ("requests",), context)
            found += _requests(meant.value, context.inside(meant)) if meant is not None else ()
            continue
        read = _READERS[each.data](each, context)
        found += (read,) if read is not None else ()
    return found


def _together(found: list[_Request]) -> Layer7:
    """Requests of one protocol as what a port rule holds."""
    if isinstance(found[0], HttpRule):
        return Http(tuple(each for each in found if isinstance(each, HttpRule)))
    if isinstance(found[0], DnsPattern):
        return Dns(tuple(each for each in found if isinstance(each, DnsPattern)))
    if isinstance(found[0], KafkaRule):
        return Kafka(tuple(each for each in found if isinstance(each, KafkaRule)))
    return Generic(found[0].parser, tuple(rule for each in found if isinstance(each, Generic) for rule in each.rules))


def _http(node: Node, context: Context) -> HttpRule:
    parts = {str(each.data): each for each in node.children if isinstance(each, Tree)}
    path = parts.get("path") or parts.get("path_alone")
    _refuse_second_host(node, context)
    return HttpRule(
        _method(parts["method"], context) if "method" in parts else None,
        condition(path.children[0], context) if path is not None else None,
        condition(parts["host"].children[0], context) if "host" in parts else None,
        tuple(
            header
            for each in node.children
            if isinstance(each, Tree) and each.data == "header" and (header := _header(each, context)) is not None
        ),
        context.span(node),
        "websocket" in parts,
    )


def _refuse_second_host(node: Node, context: Context) -> None:
    hosts = [each for each in node.children if isinstance(each, Tree) and each.data == "host"]
    for each in hosts[1:]:
        context.refuse("policy-repeated", each, "a request has one host", "write a request for each host")


def _any_request(node: Node, context: Context) -> HttpRule:
    return HttpRule(None, None, None, (), context.span(node))


def _method(node: Node, context: Context) -> TextMatch | None:
    """`GET`, `GET|HEAD`, or a condition in quotes behind the word method."""
    named = words(node)
    if not named:
        match = condition(node.children[0], context)
        if match is not None and match.kind is MatchKind.EXACT and not _METHOD.fullmatch(match.text):
            context.report.refuse("policy-condition", match.span, f"{match.text!r} is no method", "write a name such as GET")
        return match
    text = "|".join(str(each) for each in named)
    return TextMatch(MatchKind.REGEX if len(named) > 1 else MatchKind.EXACT, text, context.span(node))


def _header(node: Node, context: Context) -> HeaderMatch | None:
    token, value, holder, mismatch = node.children
    name = context.word(token)
    check_header_name(name, context.report)
    match: TextMatch | None = None
    if value is not None:
        said = isinstance(value, Tree) and value.data == "kind_text"
        match = condition(value, context) if said else exactly(value, context)
        if match is None:
            return None
        if match.kind in (MatchKind.EXACT, MatchKind.PREFIX):
            whole = match.text if match.kind is MatchKind.EXACT else match.text.rstrip(" ")  # more may follow
            exact_value(Text(whole, match.span), context.report)
    keeper = secret(context.word(holder.children[0]), context) if isinstance(holder, Tree) else None
    if isinstance(holder, Tree) and keeper is None:
        return None
    what = Mismatch(str(mismatch.children[0]).upper()) if isinstance(mismatch, Tree) else Mismatch.REFUSE
    return HeaderMatch(name.value, match, what, keeper, context.span(node))


def _query(node: Node, context: Context) -> DnsPattern | None:
    inner = node.children[0]
    assert isinstance(inner, Tree), inner
    return dns_text(inner, context)


def _kafka(node: Node, context: Context) -> KafkaRule:
    what, version, client, topic = node.children
    keys: frozenset[int] | None = None
    if isinstance(what, Tree):
        keys = frozenset().union(*(_keys(each, context) for each in words(what)))
    elif what is not None:
        keys = keys_of_role(context.word(what), context.report)
    asked = context.word(topic.children[0]) if isinstance(topic, Tree) else None
    if asked is not None:
        check_topic(asked, context.report)
    caller = context.word(client.children[0]) if isinstance(client, Tree) else None
    if caller is not None and not caller.value:
        context.report.refuse("policy-empty", caller.span, "the client is empty", "leave it out if any client will do")
    return KafkaRule(
        keys,
        _version(context.word(version.children[0]), context) if isinstance(version, Tree) else None,
        caller.value if caller is not None else None,
        asked.value if asked is not None else None,
        context.span(node),
    )


def _keys(token: Token, context: Context) -> frozenset[int]:
    """An API key by name or number."""
    if token.isdecimal():
        return frozenset({int(token)})
    return keys_of_name(context.word(token), context.report) or frozenset()


def _version(written: Text, context: Context) -> int | None:
    if written.value.isdecimal() and int(written.value) <= LAST_VERSION:
        return int(written.value)
    context.report.refuse("policy-kafka", written.span, f"{written.value} is no version", f"write a number from 0 to {LAST_VERSION}")
    return None


def _parser(node: Node, context: Context) -> Generic | None:
    name, given = node.children
    called = context.word(name)
    if not called.value:
        context.report.refuse("policy-empty", called.span, "the parser has no name", "write one")
        return None
    if not isinstance(given, Tree):
        return Generic(called.value, ())
    found = attributes(given, None, context)
    if any(len(texts) != 1 for texts in found.values()):
        context.refuse("policy-attributes", given, "each condition of a parser has one value", 'write key="value"')
        return None
    return Generic(called.value, (GenericRule(tuple((key, texts[0].value) for key, texts in found.items()), context.span(node)),))


_READERS: Final[Mapping[str, Callable[[Node, Context], _Request | None]]] = {
    "http": _http,
    "any_request": _any_request,
    "query": _query,
    "kafka": _kafka,
    "parser": _parser,
}
