"""Flows, requests and verdicts: what is asked of the oracle, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.inventory import Address
from pybpf.compiler.policy.model.policy import Direction, OnDeny
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Entry, Side


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a flow, in one of three ways: an endpoint by (namespace, name), a reserved identity by its name
    ("host", "remote-node", "world", ...), or an address.

    An address that the inventory gives to an endpoint or node is that endpoint or node. `names` are the DNS names under
    which an outside address became known to the other end.
    """

    endpoint: tuple[str, str] | None = None
    entity: str | None = None
    address: Address | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as policy sees it: `path` with its query, `host` as sent, headers with their names as sent."""

    method: str
    path: str
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """The name of a query's first question."""

    name: str


@dataclass(frozen=True, slots=True)
class KafkaRequest:
    """A Kafka request; `topics` of those requests that name any."""

    api_key: int
    api_version: int = 0
    client_id: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """One side's view of a flow: `direction` INGRESS is judged at `destination`, EGRESS at `source`.

    `port` is the destination port, or the type for ICMP and ICMPv6; 0 for protocols that have neither. `protocol` is
    an IANA number and need not be one of Protocol. `server_name` None: not TLS, or without a name, or not yet read, as
    `server_name_known` tells; likewise `request` None is "not read yet".
    """

    source: Party
    destination: Party
    direction: Direction
    protocol: Protocol | int
    port: int = 0
    request: HttpRequest | DnsQuery | KafkaRequest | None = None
    server_name: str | None = None
    server_name_known: bool = False


class Outcome(Enum):
    """What a flow gets."""

    ALLOW = "allow"
    DENY = "deny"  # a deny rule covers it
    DENY_DEFAULT = "deny-default"  # nothing allows the connection
    REFUSE_REQUEST = "refuse-request"  # the connection is allowed, its request (or server name) is not
    INSPECT = "inspect"  # its request (or server name) decides, and is not given


class Fit(Enum):
    """Whether a rule or one of its request rules covers a flow, or the first thing in which they differ."""

    COVERS = "covers the flow"
    INSPECTS = "covers the connection, its requests decide"
    NOBODY = "is about nobody"
    PEER = "is for other peers"
    PROTOCOL = "is for another protocol"
    PORT = "is for other ports"
    SERVER_NAME = "is for other server names"
    METHOD = "is for another method"
    PATH = "is for another path"
    HOST = "is for another host"
    HEADER = "wants another header"
    NAME = "is for other names"
    KAFKA = "is for other Kafka requests"
    PASSED_OVER = "is not asked: an earlier tier decided, or passed it over"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing held against the flow: an entry, or one request rule of it; `text` is one line for people."""

    entry: Entry
    span: Span | None
    fit: Fit
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a flow gets, what decided, and the way there.

    `entry` is the deciding entry (None for DENY_DEFAULT and where nothing is enforced), `span` the place of the deciding
    rule, request rule, or of the policy that switched default deny on. `on_deny` is how a refusal looks, None unless it
    is one. `audited`: a refusal that is only told. `authenticated`: allowed, provided both ends prove who they are. `watched`: of a
    connection that is allowed, the entry in audit that would let its requests decide.
    """

    outcome: Outcome
    side: Side
    entry: Entry | None
    span: Span | None
    on_deny: OnDeny | None
    audited: bool
    authenticated: bool
    walk: Sequence[Step]
    watched: Entry | None = None

    @property
    def allowed(self) -> bool:
        """Whether the flow passes; INSPECT does not say so yet."""
        return self.outcome is Outcome.ALLOW or self.audited
