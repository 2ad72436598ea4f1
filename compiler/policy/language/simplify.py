"""Policies -> the same policies, in the words that a person would choose: where a regular expression matches one text only, that text.

Exactly the same texts are matched, by construction: an expression of characters that stand for themselves, perhaps escaped, or of
several of them for methods, which stay an expression.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from pybpf.compiler.policy.model.layer7 import Dns, Http, HttpRule, Layer7, MatchKind, TextMatch
from pybpf.compiler.policy.model.peers import DnsNames, DnsPattern, Peer
from pybpf.compiler.policy.model.policy import Policy, PortRule, Rule

# Characters without a meaning of their own in an expression, and any punctuation behind a backslash.
_PLAIN: Final = re.compile(r"(?:[A-Za-z0-9/_:@,;=&%~ \-<>\"'!#`]|\\[!-/:-@\[-`{-~])*")
# What means itself as an exact condition: a path that ends in ?* would be one with any query.
_METHOD: Final = re.compile(r"[A-Za-z0-9-]+")
_PATH: Final = re.compile(r"/(?!.*\?\*$)[!-~]*")
_ESCAPED: Final = re.compile(r"\\(.)")


def simplified(policy: Policy) -> Policy:
    """The policy with simpler conditions that match the same."""
    return replace(policy, rules=tuple(map(_rule, policy.rules)))


def _rule(rule: Rule) -> Rule:
    peers = tuple(map(_peer, rule.peers)) if rule.peers is not None else None
    port_rules = tuple(map(_port_rule, rule.port_rules)) if rule.port_rules is not None else None
    return replace(rule, peers=peers, port_rules=port_rules)


def _peer(peer: Peer) -> Peer:
    return DnsNames(_name(peer.pattern)) if isinstance(peer, DnsNames) else peer


def _port_rule(rule: PortRule) -> PortRule:
    return replace(rule, layer7=_layer7(rule.layer7) if rule.layer7 is not None else None)


def _layer7(layer7: Layer7) -> Layer7:
    match layer7:
        case Http(rules):
            return Http(tuple(map(_http, rules)))
        case Dns(patterns):
            return Dns(tuple(map(_name, patterns)))
        case _:
            return layer7


def _http(rule: HttpRule) -> HttpRule:
    # A host that is no expression is met in any case and with any port: it would match more.
    return replace(rule, method=_text(rule.method, _METHOD), path=_text(rule.path, _PATH))


def _text(match: TextMatch | None, form: re.Pattern[str]) -> TextMatch | None:
    if match is None or match.kind is not MatchKind.REGEX or not _PLAIN.fullmatch(match.text):
        return match
    plain = _ESCAPED.sub(r"\1", match.text)
    return TextMatch(MatchKind.EXACT, plain, match.span) if form.fullmatch(plain) else match


def _name(pattern: DnsPattern) -> DnsPattern:
    """A pattern without a star is a name."""
    return replace(pattern, exact="*" not in pattern.text)
