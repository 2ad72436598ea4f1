"""The oracle: what a Resolved means for one flow, with every step of the way.

Slow, plain, obviously right; whatever is fast is tested against it. A flow is allowed when its side is not
enforced, or when some allow covers its peer, its port and (HTTP) its request. Allows add up, so one that does not
look at requests lets every request through, whatever HTTP rules say beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pybpf.compiler.diag import Span
from pybpf.compiler.narrow.model import Allow, Direction, HttpRule, Protocol, Resolved, Side, Text


class Outcome(Enum):
    """What a flow gets."""

    ALLOW = "allow"
    DENY_DEFAULT = "deny-default"  # no allow covers it
    INSPECT = "inspect"  # only allows with HTTP rules cover it, and no request is given yet
    HTTP_DENIED = "http-denied"  # they cover it, and none of their rules matches the request


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as policy sees it: the path with its query."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One side's view: of which endpoint, in which direction, with whom, on which destination port."""

    endpoint: str
    direction: Direction
    peer_identity: int
    protocol: Protocol
    port: int
    http: Request | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One allow that was looked at, and why it did or did not decide."""

    policy: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, the place of the rule that made it (None: nothing is enforced), and the way there."""

    outcome: Outcome
    policy: str | None
    rule: Span | None
    walk: tuple[Step, ...]


def verdict(resolved: Resolved, flow: Flow) -> Verdict:
    """What happens to `flow`.

    KeyError when the endpoint is not of the inventory; ValueError for a flow of Protocol.ANY, which is for rules, and for a
    pattern outside what RE2 and Python read alike.
    """
    if flow.protocol is Protocol.ANY:
        raise ValueError("a flow has one protocol; ANY is for rules")
    sides = {each.endpoint.name: each for each in resolved.endpoints}[flow.endpoint]
    side = sides.ingress if flow.direction is Direction.INGRESS else sides.egress
    if not side.enforced:
        return Verdict(Outcome.ALLOW, None, None, ())
    walk = tuple(Step(allow.policy, allow.span, _why(allow, flow)) for allow in side.allows)
    covering = [allow for allow in side.allows if _covers(allow, flow)]
    for allow in covering:
        if allow.http is None:
            return Verdict(Outcome.ALLOW, allow.policy, allow.span, walk)
    return _judge_request(side, covering, flow, walk)


def matches(rule: HttpRule, request: Request) -> bool:
    """Whether an HTTP rule allows a request: both patterns match the whole of it, case and all.

    ValueError for a pattern outside what RE2 and Python read alike.
    """
    return _matches(rule.method, request.method) and _matches(rule.path, request.path)


def _judge_request(side: Side, covering: list[Allow], flow: Flow, walk: tuple[Step, ...]) -> Verdict:
    if not covering:
        return Verdict(Outcome.DENY_DEFAULT, None, side.origin, walk)
    if flow.http is None:
        return Verdict(Outcome.INSPECT, covering[0].policy, covering[0].span, walk)
    for allow in covering:
        for rule in allow.http or ():
            if matches(rule, flow.http):
                return Verdict(Outcome.ALLOW, allow.policy, rule.span, walk)
    return Verdict(Outcome.HTTP_DENIED, covering[0].policy, covering[0].span, walk)


def _covers(allow: Allow, flow: Flow) -> bool:
    return _covers_peer(allow, flow) and _covers_port(allow, flow)


def _covers_peer(allow: Allow, flow: Flow) -> bool:
    return allow.peers is None or flow.peer_identity in allow.peers


def _covers_port(allow: Allow, flow: Flow) -> bool:
    return allow.protocol in (None, Protocol.ANY, flow.protocol) and allow.port in (0, flow.port)


def _why(allow: Allow, flow: Flow) -> str:
    if not _covers_peer(allow, flow):
        return f"not for identity {flow.peer_identity}"
    if not _covers_port(allow, flow):
        return f"not for {flow.protocol.name} port {flow.port}"
    return "covers it" if allow.http is None else "covers it, request by request"


def _matches(pattern: Text | None, value: str) -> bool:
    if pattern is None:
        return True
    if _SHARED_SYNTAX.fullmatch(pattern.value) is None:
        raise ValueError(f"{pattern.span}: RE2 and Python may read {pattern.value!r} differently")
    # ASCII: in RE2, \d, \w and \s know no other letters.
    return re.fullmatch(pattern.value, value, re.ASCII) is not None


# What RE2 and Python read alike: plain characters, escaped signs, classes, groups, repetitions, anchors at the edges.
# Left out are, among others, `a*+` and `{,3}` (other meanings), `[[:alpha:]]`, and everything that begins `(?` but `(?:`.
_ESCAPE: Final = r"\\[!-/:-@\[-`{-~dwsDWS]"
_CLASS: Final = rf"\[\^?(?:[^\\\[\]&|~^-]|{_ESCAPE}|(?<=[A-Za-z0-9])-(?=[A-Za-z0-9]))+\]"
_ATOM: Final = rf"(?:[^\\()\[\]{{}}*+?|^$]|{_ESCAPE}|{_CLASS})"
_REPEAT: Final = r"(?:[*+?]|\{(?:0|[1-9][0-9]*)(?:,(?:[1-9][0-9]*)?)?\})\??"
_SHARED_SYNTAX: Final = re.compile(rf"\^?(?:{_ATOM}(?:{_REPEAT})?|\((?:\?:)?(?![*+?{{])|\)(?:{_REPEAT})?|\|)*\$?")
