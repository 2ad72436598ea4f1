"""What a policy file says and what it means: frozen values, from the reader's `Policy` to the resolver's `Resolved`.

Three groups, in the order they come to be: a file as read (`Policy` and its parts, every value with its place), the
inventory (`Endpoint`), and policies joined with an inventory (`Resolved`). No behaviour lives here.
Peers are `None` when the key is absent and `()` when the list is empty: the two mean different things.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from pybpf.compiler.diag import Span

# Identity numbers as Cilium gives them out: the low ones are reserved, what the inventory holds begins at 256.
HOST: Final = 1
WORLD: Final = 2
FIRST_IDENTITY: Final = 256
LAST_IDENTITY: Final = 65535


class Direction(Enum):
    """Which way a flow goes, seen from the endpoint that is judged."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Protocol(Enum):
    """A transport protocol; the value is its IP protocol number (0 for ANY: any of TCP, UDP and SCTP)."""

    ANY = 0
    TCP = 6
    UDP = 17
    SCTP = 132


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar of the file; the span covers it with its quotes."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Selector:
    """Endpoints that carry all of `match_labels` and lie in `namespace` (None: in any). No labels: all of them."""

    match_labels: tuple[tuple[str, str], ...]
    namespace: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class HttpRule:
    """Requests whose method and path match as a whole; None matches any. The patterns are not parsed here."""

    method: Text | None
    path: Text | None
    span: Span


@dataclass(frozen=True, slots=True)
class Port:
    """One destination port (0: every port) of one protocol."""

    number: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class PortRule:
    """One element of toPorts: no `ports` allow nothing; `http` is None when requests are not looked at."""

    ports: tuple[Port, ...]
    http: tuple[HttpRule, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """One element of ingress or egress.

    `peers`: None when the key is absent, () when the list is empty (selects nobody).
    `to_ports`: None when the key is absent, () when the list is empty (both: every port).
    """

    direction: Direction
    peers: tuple[Selector, ...] | None
    to_ports: tuple[PortRule, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Policy:
    """One subject and its rules: the spec of a document, or one element of its specs."""

    name: str
    namespace: str
    subject: Selector
    rules: tuple[Rule, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Something that has addresses and labels: an entry of the inventory. Labels in any order, keys distinct."""

    name: str
    namespace: str
    labels: tuple[tuple[str, str], ...]
    ipv4: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """All endpoints with the same namespace and labels, under one number. Labels are sorted."""

    number: int
    namespace: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Allow:
    """Permission for some flows of one side of one endpoint.

    `peers`: identity numbers, empty for nobody, None for any peer at all (the world included).
    `protocol`: None for any IP protocol; Protocol.ANY for any of TCP, UDP, SCTP. `port`: 0 for every port.
    `http`: None for "do not look at requests", else one of these rules must match each request.
    """

    peers: frozenset[int] | None
    protocol: Protocol | None
    port: int
    http: tuple[HttpRule, ...] | None
    policy: str
    span: Span


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of one endpoint. Not enforced: all flows pass. Enforced: only what some allow covers.

    `origin` is the first rule that made it enforced, None when it is not.
    """

    enforced: bool
    allows: tuple[Allow, ...]
    origin: Span | None


@dataclass(frozen=True, slots=True)
class ResolvedEndpoint:
    """An endpoint, its identity number, and what policies make of its two sides."""

    endpoint: Endpoint
    identity: int
    ingress: Side
    egress: Side


@dataclass(frozen=True, slots=True)
class Resolved:
    """Policies joined with an inventory: identities by rising number, endpoints in the inventory's order."""

    identities: tuple[Identity, ...]
    endpoints: tuple[ResolvedEndpoint, ...]
