"""Policies of every sort, as values: whatever a reader of the language could give."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from hypothesis import strategies as st

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.cilium.icmp import TYPES
from pybpf.compiler.policy.cilium.kafka import ROLES
from pybpf.compiler.policy.cilium.selectors import Scope, in_scope, in_scope_of_subject
from pybpf.compiler.policy.kubernetes.selectors import selector
from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    CIDR_GROUP,
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    RESERVED,
    Operator,
    Requirement,
    Selector,
)
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
from pybpf.compiler.policy.model.peers import (
    Cidr,
    CidrGroups,
    CloudGroups,
    DnsNames,
    DnsPattern,
    Endpoints,
    Entities,
    Entity,
    Network,
    Nodes,
    Peer,
    Services,
)
from pybpf.compiler.policy.model.policy import (
    Action,
    Authentication,
    Direction,
    Kind,
    Listener,
    OnDeny,
    Policy,
    PortRule,
    Rule,
    Tier,
    TlsContext,
)
from pybpf.compiler.policy.model.ports import LAST_PORT, IcmpType, NamedPort, Port, PortRange, Protocol

HERE = Span(Source("made", ""), 1, 1, 1, 2)
NAMES = st.sampled_from(["shop", "pay", "read-flights", "a.b", "policy", "in", "x9"])
NAMESPACES = st.sampled_from(["shop", "data", "default", "namespace"])
KEYS = st.sampled_from(["app", "tier", "env", "app.kubernetes.io/name", "namespace", "in", "world", "x"])
VALUES = st.sampled_from(["", "a", "b", "prod", "flights_board", "v1.2", "world", "or", "8080"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
LINES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8)


def requirements(*sources: str) -> st.SearchStrategy[tuple[Requirement, ...]]:
    """Some labels, each key once."""

    @st.composite
    def one(draw: st.DrawFn) -> Requirement:
        operator = draw(st.sampled_from(Operator))
        has_values = operator in (Operator.IN, Operator.NOT_IN)
        values = draw(st.lists(VALUES, min_size=1, max_size=3, unique=True)) if has_values else []
        return Requirement(draw(st.sampled_from(sources)), draw(KEYS), operator, tuple(sorted(values)))

    return st.lists(one(), max_size=3, unique_by=lambda each: each.key).map(tuple)


@st.composite
def selectors(draw: st.DrawFn, scope: Scope) -> Selector:
    """Endpoints, scoped or saying themselves where they are."""
    asked = draw(requirements(ANY_SOURCE, KUBERNETES))
    place = draw(st.sampled_from(["scope", "namespaces", "any", "labels", "nowhere", "reserved"]))
    within = Requirement(KUBERNETES, NAMESPACE_KEY, Operator.EXISTS)
    match place:
        case "scope":
            asked = in_scope(asked, scope)
        case "namespaces":
            names = tuple(sorted(draw(st.sets(NAMESPACES, min_size=1, max_size=2))))
            asked = (*asked, Requirement(KUBERNETES, NAMESPACE_KEY, draw(st.sampled_from([Operator.IN, Operator.NOT_IN])), names))
        case "any":
            asked = (*asked, within)
        case "labels":
            label = Requirement(KUBERNETES, f"{NAMESPACE_LABELS_PREFIX}team", Operator.IN, ("a",))
            asked = (*asked, label, *draw(st.sampled_from([(), (within,)])))
        case "reserved":
            asked = (*asked, Requirement(RESERVED, "host", Operator.EXISTS))
    return selector(asked, HERE)


PLAIN_SELECTORS = requirements(ANY_SOURCE).map(lambda asked: selector(asked, HERE))
GROUP_SELECTORS = requirements(CIDR_GROUP).map(lambda asked: selector(asked, HERE))
PATTERNS = st.one_of(
    st.sampled_from(["a.example", "b", "x_y.z"]).flatmap(lambda text: st.booleans().map(lambda exact: DnsPattern(text, exact, HERE))),
    st.sampled_from(["*", "*.example", "**.a.b", "x*y"]).map(lambda text: DnsPattern(text, False, HERE)),
)
SERVER_NAMES = st.sampled_from(["a.example", "*.example", "*"]).map(lambda text: DnsPattern(text, "*" not in text, HERE))
NETWORKS: st.SearchStrategy[tuple[Network, tuple[Network, ...]]] = st.sampled_from(
    [
        (IPv4Network("10.0.0.0/8"), ()),
        (IPv4Network("10.0.0.0/8"), (IPv4Network("10.1.0.0/16"), IPv4Network("10.2.0.0/16"))),
        (IPv4Network("192.0.2.7/32"), ()),
        (IPv4Network("0.0.0.0/0"), (IPv4Network("192.0.2.0/24"),)),
        (IPv6Network("2001:db8::/32"), (IPv6Network("2001:db8:1::/48"),)),
        (IPv6Network("::/0"), ()),
    ]
)


@st.composite
def peers(draw: st.DrawFn, scope: Scope, direction: Direction, action: Action) -> Peer:
    """A peer of any kind that the direction may have."""
    kinds = ["endpoints", "nodes", "entity", "cidr", "group", "service"]
    kinds += ["name"] if direction is Direction.EGRESS else []
    kinds += ["cloud"] if action is Action.ALLOW else []
    match draw(st.sampled_from(kinds)):
        case "endpoints":
            return Endpoints(draw(selectors(scope)))
        case "nodes":
            return Nodes(draw(PLAIN_SELECTORS))
        case "entity":
            return Entities(draw(st.sampled_from(Entity)), HERE)
        case "cidr":
            return Cidr(*draw(NETWORKS), HERE)
        case "group":
            holes = draw(st.sampled_from([(), (IPv4Network("10.1.0.0/16"),)]))
            called = draw(st.none() | NAMES)
            return CidrGroups(called, draw(GROUP_SELECTORS.filter(lambda each: bool(each.requirements))) if called is None else None, holes, HERE)
        case "service":
            called = draw(st.none() | NAMES)
            chosen = draw(PLAIN_SELECTORS.filter(lambda each: bool(each.requirements))) if called is None else None
            return Services(called, chosen, draw(st.none() | NAMESPACES), HERE)
        case "name":
            return DnsNames(draw(PATTERNS))
    return CloudGroups("aws", (("labels.team", ("a",)), ("securityGroupsIds", ("sg-1", "sg-2"))), HERE)


TCP_PORTS: st.SearchStrategy[Port] = st.one_of(
    st.integers(1, LAST_PORT).map(lambda number: PortRange(Protocol.TCP, number, number, HERE)),
    st.just(PortRange(Protocol.TCP, 8000, 8100, HERE)),
    st.sampled_from(["http", "port", "web-1", "8080-tcp"]).map(lambda name: NamedPort(Protocol.TCP, name, HERE)),
)
PORTS: st.SearchStrategy[Port] = st.one_of(
    TCP_PORTS,
    st.sampled_from(Protocol).map(lambda protocol: PortRange(protocol, 0, LAST_PORT, HERE)),
    st.sampled_from([Protocol.UDP, Protocol.SCTP, Protocol.ANY]).map(lambda protocol: PortRange(protocol, 1, 1023, HERE)),
    st.sampled_from([Protocol.ICMP, Protocol.ICMPV6]).flatmap(
        lambda protocol: st.sampled_from([0, 77, *TYPES[protocol].values()]).map(lambda number: IcmpType(protocol, number, HERE))
    ),
)
DNS_PORTS: st.SearchStrategy[Port] = st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.ANY]).map(lambda each: PortRange(each, 53, 53, HERE))


def matches(*texts: str) -> st.SearchStrategy[TextMatch]:
    """Conditions of every kind on one of these texts."""
    kinds = st.sampled_from([MatchKind.EXACT, MatchKind.PREFIX, MatchKind.GLOB])
    plain = kinds.flatmap(lambda kind: st.sampled_from(texts).map(lambda text: TextMatch(kind, text, HERE)))
    regexes = st.sampled_from([r"/a/\d+", "a|b", "[^/]*", "(?i)x", "it's"]).map(lambda text: TextMatch(MatchKind.REGEX, text, HERE))
    templates = st.sampled_from(["/flights/{id}", "/flights/{id}?*", "plain", "/{a}/x*"]).map(lambda text: TextMatch(MatchKind.TEMPLATE, text, HERE))
    return plain | regexes | templates


METHODS = st.sampled_from(["GET", "POST", "get", "M-SEARCH"]).map(lambda text: TextMatch(MatchKind.EXACT, text, HERE)) | st.sampled_from(
    ["GET|POST", "G.*", "GET"]
).map(lambda text: TextMatch(MatchKind.REGEX, text, HERE))


@st.composite
def headers(draw: st.DrawFn) -> HeaderMatch:
    """A condition on a header."""
    match = draw(st.none() | matches("a", "b c", "x,y", 'say "a"', "*"))
    return HeaderMatch(
        draw(st.sampled_from(["X-Team", "x_y", "host", "x!y"])),
        match,
        draw(st.sampled_from(Mismatch)),
        draw(st.sampled_from([None, None, ("shop", "token")])),
        HERE,
    )


HTTP_RULES = st.builds(
    HttpRule,
    st.none() | METHODS,
    st.none() | matches("/", "/a b", "/flights/*", "/**", "/x,y", "/{}", "/a?*", "plain", ""),
    st.none() | matches("shop.example", "*.example", "a:8080"),
    st.lists(headers(), max_size=2).map(tuple),
    st.just(HERE),
    st.booleans(),
)
KAFKA_RULES = st.builds(
    KafkaRule,
    st.one_of(st.none(), st.sampled_from(list(ROLES.values())), st.frozensets(st.integers(0, 40), max_size=3)),
    st.none() | st.integers(0, 10),
    st.none() | st.sampled_from(["client", "a b"]),
    st.none() | st.sampled_from(["orders", "a.b_c-d"]),
    st.just(HERE),
)
GENERIC_RULES = st.dictionaries(st.sampled_from(["cmd", "a b", "x"]), TEXTS, max_size=2).map(lambda each: GenericRule(tuple(each.items()), HERE))


def layer7(direction: Direction) -> st.SearchStrategy[tuple[Layer7 | None, st.SearchStrategy[Port]]]:
    """Requests, and the ports that they may go to."""
    choices: list[st.SearchStrategy[tuple[Layer7 | None, st.SearchStrategy[Port]]]] = [
        st.just((None, PORTS)),
        st.lists(HTTP_RULES, max_size=3).map(lambda rules: (Http(tuple(rules)), TCP_PORTS)),
        st.lists(KAFKA_RULES, max_size=2).map(lambda rules: (Kafka(tuple(rules)), TCP_PORTS)),
        st.lists(GENERIC_RULES, max_size=2).map(lambda rules: (Generic("r2d2", tuple(rules)), TCP_PORTS)),
    ]
    if direction is Direction.EGRESS:
        choices.append(st.lists(PATTERNS, max_size=2).map(lambda names: (Dns(tuple(names)), DNS_PORTS)))
    return st.one_of(choices)


TLS = st.none() | st.just(TlsContext(("shop", "cert"), "ca.crt", "tls.crt", "my.key"))


@st.composite
def port_rules(draw: st.DrawFn, direction: Direction) -> PortRule:
    """Ports with what must hold there."""
    asked, of = draw(layer7(direction))
    terminating = draw(TLS)
    names: list[DnsPattern] = []
    if draw(st.booleans()) and (asked is None or terminating is not None) and not isinstance(asked, Dns):
        names, of = draw(st.lists(SERVER_NAMES, max_size=2)), TCP_PORTS
    listener = Listener("CiliumEnvoyConfig", "proxy", "a", draw(st.integers(0, 100)))
    return PortRule(
        tuple(draw(st.lists(of, max_size=3))),
        asked,
        tuple(names),
        terminating,
        draw(TLS),
        draw(st.sampled_from([None, listener])) if asked is None and direction is Direction.EGRESS else None,
        HERE,
    )


@st.composite
def rules(draw: st.DrawFn, scope: Scope) -> Rule:
    """A rule of a policy about endpoints."""
    direction, action = draw(st.sampled_from(Direction)), draw(st.sampled_from(Action))
    some = st.lists(peers(scope, direction, action), min_size=1, max_size=3).map(tuple)
    whom: st.SearchStrategy[tuple[Peer, ...] | None] = some | st.none()
    return Rule(
        direction,
        action,
        draw(whom if action is Action.DENY else whom | st.just(())),
        draw(st.none() | st.lists(port_rules(direction), max_size=2).map(tuple)),
        draw(st.none() | st.sampled_from(Authentication)),
        draw(st.none() | st.sampled_from(OnDeny)),
        HERE,
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy about endpoints, of a namespace or of the whole cluster."""
    namespace = draw(st.none() | NAMESPACES)
    asked = in_scope_of_subject(draw(requirements(ANY_SOURCE, KUBERNETES)), namespace)
    written = tuple(draw(st.lists(rules(Scope(namespace)), min_size=1, max_size=3)))
    ruled = {each.direction for each in written}
    return Policy(
        kind=Kind.LANGUAGE,
        name=draw(NAMES),
        namespace=namespace,
        subject=Endpoints(selector(asked, HERE)),
        rules=written,
        default_deny=frozenset(draw(st.sets(st.sampled_from(sorted(ruled, key=str))))),
        audit=draw(st.booleans()),
        on_deny=draw(st.none() | st.sampled_from(OnDeny)),
        tier=draw(st.sampled_from(Tier)),
        priority=draw(st.sampled_from([0.0, 0.5, 10.0, -3.25, 1e20])),
        labels=tuple(draw(st.lists(st.sampled_from(["unspec:team=a", "k8s:x"]), max_size=2))),
        log=draw(st.just("") | LINES),
        description=draw(TEXTS),
        span=HERE,
    )
