"""What a rule says about requests: HTTP, DNS, Kafka, and parsers that only Cilium's proxy had.

The rules of one list are alternatives; the fields of one rule hold together. A field that is None or empty says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.peers import DnsPattern


class MatchKind(Enum):
    """How the text of a TextMatch is read; patterns.py has the meaning of each. All match the whole value, case and all."""

    REGEX = "regex"  # RE2
    EXACT = "exact"
    PREFIX = "prefix"
    GLOB = "glob"  # * within a path segment, ** across segments
    TEMPLATE = "template"  # {name} stands for one path segment


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A condition on a text."""

    kind: MatchKind
    text: str
    span: Span = field(compare=False, repr=False)


class Mismatch(Enum):
    """What becomes of a request whose header is not as wanted; all but REFUSE let it pass. The values are Cilium's."""

    REFUSE = ""
    LOG = "LOG"
    ADD = "ADD"
    DELETE = "DELETE"
    REPLACE = "REPLACE"


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A condition on the header `name` (case does not count). `match` None: it must be there, whatever its value.

    `secret` is (namespace, name) of the Kubernetes secret that holds the value; a match on it fails where it is unknown.
    """

    name: str
    match: TextMatch | None
    mismatch: Mismatch
    secret: tuple[str, str] | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class HttpRule:
    """Requests by method, path (with the query), host (as sent, with a port if one was sent) and headers, or those of them that ask for
    WebSocket."""

    method: TextMatch | None
    path: TextMatch | None
    host: TextMatch | None
    headers: tuple[HeaderMatch, ...]
    span: Span = field(compare=False, repr=False)
    websocket: bool = False  # requests that ask for WebSocket, and no others; what comes after the server's 101 is not looked at


@dataclass(frozen=True, slots=True)
class KafkaRule:
    """Requests by API key numbers (None: any), version, client and topic. Every topic of a request needs a rule."""

    api_keys: frozenset[int] | None
    api_version: int | None
    client_id: str | None
    topic: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class GenericRule:
    """Key-value conditions for a parser that pybpf does not have."""

    fields: tuple[tuple[str, str], ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Http:
    """HTTP requests that some rule matches."""

    rules: tuple[HttpRule, ...]


@dataclass(frozen=True, slots=True)
class Dns:
    """DNS queries for names that some pattern matches."""

    patterns: tuple[DnsPattern, ...]


@dataclass(frozen=True, slots=True)
class Kafka:
    """Kafka requests that the rules cover."""

    rules: tuple[KafkaRule, ...]


@dataclass(frozen=True, slots=True)
class Generic:
    """Requests of a protocol that Cilium's proxy had a parser for. pybpf has none: nothing is known to match."""

    parser: str
    rules: tuple[GenericRule, ...]


Layer7: TypeAlias = Http | Dns | Kafka | Generic
