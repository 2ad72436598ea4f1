"""Policy: one subject and its rules, whatever language said it.

Three languages become this one model, so it holds meaning, not spelling: what a file leaves out (a namespace, a default,
the difference between an absent and an empty list) is decided by its reader. Places are kept, and are no part of equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TypeAlias

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.layer7 import Layer7
from pybpf.compiler.policy.model.peers import DnsPattern, Endpoints, Nodes, Peer
from pybpf.compiler.policy.model.ports import Port


class Direction(Enum):
    """Which way a flow goes, seen from the endpoint that is judged."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Action(Enum):
    """What a rule does with the flows it covers. PASS hands them to the next tier."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"


class Tier(IntEnum):
    """Lower tiers are asked first; the numbers are Cilium's."""

    ADMIN = 100
    NORMAL = 200
    BASELINE = 250
    DEFAULT = 255


class OnDeny(Enum):
    """How a refusal looks to the client. HTTP_403 is for HTTP requests, REFUSED is DNS's answer to a query."""

    HTTP_403 = "403"
    REFUSED = "refused"
    RESET = "reset"
    ICMP = "icmp"
    DROP = "drop"


class Authentication(Enum):
    """Mutual authentication of the two ends; the values are Cilium's. DISABLED is a choice, unlike no authentication at all."""

    DISABLED = "disabled"
    REQUIRED = "required"
    ALWAYS_FAIL = "test-always-fail"


class Kind(Enum):
    """What kind of object a policy was; the values are names that users know."""

    CILIUM = "CiliumNetworkPolicy"
    CILIUM_CLUSTERWIDE = "CiliumClusterwideNetworkPolicy"
    KUBERNETES = "NetworkPolicy"
    LANGUAGE = "policy"


@dataclass(frozen=True, slots=True)
class TlsContext:
    """A secret and the names of its entries: where a certificate is to be found."""

    secret: tuple[str, str]
    trusted_ca: str
    certificate: str
    private_key: str


@dataclass(frozen=True, slots=True)
class Listener:
    """An Envoy listener that would take over the connections; `priority` 1 to 100, 0 for the default."""

    kind: str
    config: str
    name: str
    priority: int


@dataclass(frozen=True, slots=True)
class PortRule:
    """Some ports (none: nothing at all), and what must hold for what goes there.

    `server_names`: not empty means the connection must be TLS and name one of them. `layer7` None: requests are not
    looked at. A `visible` rule looks at requests and allows all of them.
    """

    ports: tuple[Port, ...]
    layer7: Layer7 | None
    server_names: tuple[DnsPattern, ...]
    terminating_tls: TlsContext | None
    originating_tls: TlsContext | None
    listener: Listener | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One element: flows of one direction, with some peers, to some ports.

    `peers`: None is anybody at all, the world included; () is nobody. `port_rules`: None is every port of every
    protocol; () is nothing. A rule that covers nothing still switches default deny on.
    `authentication` None: nothing said. `on_deny` None: the policy's.
    """

    direction: Direction
    action: Action
    peers: tuple[Peer, ...] | None
    port_rules: tuple[PortRule, ...] | None
    authentication: Authentication | None
    on_deny: OnDeny | None
    span: Span = field(compare=False, repr=False)


Subject: TypeAlias = Endpoints | Nodes


@dataclass(frozen=True, slots=True)
class Policy:
    """A subject and the rules that hold for it.

    `namespace` None: of the whole cluster. `default_deny` are the directions in which what no rule allows is refused for
    the subject; a policy whose rules do not deny by default only adds to what others say. `audit`: refusals are told
    and not done. `priority` counts within the tier, lower first. `log` is copied to every event.
    """

    kind: Kind
    name: str
    namespace: str | None
    subject: Subject
    rules: tuple[Rule, ...]
    default_deny: frozenset[Direction]
    audit: bool
    on_deny: OnDeny | None
    tier: Tier
    priority: float
    labels: tuple[str, ...]
    log: str
    description: str
    span: Span = field(compare=False, repr=False)
