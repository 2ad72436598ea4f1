"""What policies mean: the flights scenario, overlaps, and the meaning said a second time from the file itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.diag import Source
from pybpf.compiler.narrow import (
    Direction,
    Endpoint,
    Flow,
    HttpRule,
    Outcome,
    Protocol,
    Request,
    Resolved,
    Text,
    Verdict,
    matches,
    read,
    resolve,
    verdict,
)
from tests.compiler.narrow.inventory import CASES, ENDPOINTS, Case, flights, identity_of, ingress_of, policies

WORLD = 2
SERVICE, BOARD, STAGING = "flights-service", "flights-board", "board-staging"


def asked(resolved: Resolved, client: int, request: Request | None = None, port: int = 80, protocol: Protocol = Protocol.TCP) -> Verdict:
    """The verdict on what `client` asks of the flights service."""
    return verdict(resolved, Flow(SERVICE, Direction.INGRESS, client, protocol, port, request))


@pytest.mark.parametrize("case", CASES, ids=[f"{case.client} {case.method} {case.path}" for case in CASES])
def test_the_flights_scenario_ends_as_it_says(case: Case) -> None:
    resolved = flights()
    client = identity_of(resolved, case.client)
    outcome = asked(resolved, client, Request(case.method, case.path)).outcome
    assert outcome is {"200": Outcome.ALLOW, "403": Outcome.HTTP_DENIED, "drop": Outcome.DENY_DEFAULT}[case.after]
    connecting = asked(resolved, client).outcome
    assert connecting is (Outcome.DENY_DEFAULT if case.after == "drop" else Outcome.INSPECT)


def test_the_scenario_has_its_eight_requests() -> None:
    assert [case.after for case in CASES] == ["200", "403", "403", "403", "403", "403", "drop", "drop"]


def test_a_side_without_policy_allows_everyone() -> None:
    for direction in Direction:
        assert verdict(flights(), Flow(BOARD, direction, WORLD, Protocol.UDP, 53)).outcome is Outcome.ALLOW
    assert verdict(flights(), Flow(SERVICE, Direction.EGRESS, WORLD, Protocol.TCP, 443)).outcome is Outcome.ALLOW


@pytest.mark.parametrize(("protocol", "port"), [(Protocol.TCP, 81), (Protocol.UDP, 80), (Protocol.SCTP, 80)])
def test_another_port_or_protocol_is_dropped(protocol: Protocol, port: int) -> None:
    resolved = flights()
    assert asked(resolved, identity_of(resolved, BOARD), port=port, protocol=protocol).outcome is Outcome.DENY_DEFAULT


def test_the_world_and_the_host_are_dropped() -> None:
    for number in (0, 1, WORLD, 9999):
        assert asked(flights(), number, Request("GET", "/flights")).outcome is Outcome.DENY_DEFAULT


def test_a_verdict_points_at_the_rule_that_made_it() -> None:
    resolved = flights()
    board = identity_of(resolved, BOARD)
    allowed = asked(resolved, board, Request("GET", "/flights"))
    assert allowed.rule is not None and allowed.rule.source.line(allowed.rule.line).strip() == '- method: "GET"'
    assert allowed.policy == "readFlightsRule"
    assert asked(resolved, board, Request("PUT", "/flights")).policy == "readFlightsRule"
    dropped = asked(resolved, WORLD)
    assert dropped.rule == ingress_of(resolved, SERVICE).origin
    assert [step.text for step in dropped.walk] == ["not for identity 2"]


def overlapping(*elements: str) -> Resolved:
    subject = "{matchLabels: {app: flights_service}}"
    return resolve(policies(f"{{endpointSelector: {subject}, ingress: [{', '.join(elements)}]}}"), ENDPOINTS)


GET_ONLY = 'toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]'
PLAIN = 'toPorts: [{ports: [{port: "80", protocol: TCP}]}]'
STAGED = "fromEndpoints: [{matchLabels: {env: staging}}]"


@pytest.mark.parametrize(
    "elements",
    [
        (f"{{{STAGED}, {GET_ONLY}}}", f"{{{STAGED}, {PLAIN}}}"),
        (f"{{{STAGED}, {GET_ONLY}}}", f"{{{PLAIN}}}"),
        (f"{{{STAGED}}}", f"{{{GET_ONLY}}}"),
        (f"{{{GET_ONLY}}}", '{toPorts: [{ports: [{port: "0"}]}]}'),
    ],
    ids=["same peers", "any peer", "peers only", "any port"],
)
def test_an_allow_that_does_not_look_at_requests_beats_rules_that_do(elements: tuple[str, str]) -> None:
    for order in (elements, elements[::-1]):
        resolved = overlapping(*order)
        assert asked(resolved, identity_of(resolved, STAGING), Request("POST", "/")).outcome is Outcome.ALLOW
        assert asked(resolved, identity_of(resolved, STAGING)).outcome is Outcome.ALLOW


def test_a_plain_allow_for_one_peer_leaves_the_others_under_the_rules() -> None:
    resolved = overlapping(f"{{{STAGED}}}", f"{{{GET_ONLY}}}")
    board = identity_of(resolved, BOARD)
    assert asked(resolved, board, Request("POST", "/")).outcome is Outcome.HTTP_DENIED
    assert asked(resolved, board, Request("GET", "/")).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [
        ("/", "/", True),
        ("/", "/a", False),
        ("/a", "/b/a", False),
        ("/a", "/A", False),
        ("/a", "/a?x=1", False),
        ("/a.*", "/a?x=1", True),
        ("/a|/b", "/bc", False),
        ("^/a$", "/a", True),
        (r"/\d", "/\N{ARABIC-INDIC DIGIT ONE}", False),
    ],
)
def test_a_pattern_matches_the_whole_of_a_path(pattern: str, path: str, allowed: bool) -> None:
    place = ingress_of(flights(), SERVICE).origin
    assert place is not None
    assert matches(HttpRule(None, Text(pattern, place), place), Request("GET", path)) is allowed


@pytest.mark.parametrize("pattern", ["a*+", "/a{,3}", "(?i)/a", "(?=/)/a", r"(/a)\1", "[[:alpha:]]", r"\bx", "a||^b", "[a&&b]", "(*a)"])
def test_patterns_that_python_may_read_otherwise_are_not_judged(pattern: str) -> None:
    place = ingress_of(flights(), SERVICE).origin
    assert place is not None
    with pytest.raises(ValueError, match="differently"):
        matches(HttpRule(None, Text(pattern, place), place), Request("GET", "/a"))


def test_a_flow_of_every_protocol_is_not_judged() -> None:
    with pytest.raises(ValueError, match="one protocol"):
        asked(flights(), WORLD, protocol=Protocol.ANY)


# The same meaning said a second time, straight from the file's own lists, knowing nothing of identities and allows.
NAMES = ("a", "b")
LABELS = st.dictionaries(st.sampled_from(("app", "env")), st.sampled_from(NAMES), max_size=2)
SELECTORS = st.builds(
    lambda labels, namespace: {"matchLabels": labels | ({"io.kubernetes.pod.namespace": namespace} if namespace else {})},
    LABELS,
    st.sampled_from((None, None, "shop", "bank")),
)
PORTS = st.fixed_dictionaries({"port": st.sampled_from(("0", "80", "81"))}, optional={"protocol": st.sampled_from(("TCP", "udp", "ANY"))})
HTTP = st.lists(
    st.fixed_dictionaries({}, optional={"method": st.sampled_from(("GET", "GET|PUT")), "path": st.sampled_from(("/", "/a.*"))}), max_size=2
)
L4_RULES = st.fixed_dictionaries({}, optional={"ports": st.lists(PORTS, max_size=2)})
L7_RULES = st.fixed_dictionaries(
    {"ports": st.just([{"port": "80", "protocol": "TCP"}]), "rules": st.one_of(st.just({}), st.fixed_dictionaries({"http": HTTP}))}
)


def elements(peers: str) -> st.SearchStrategy[dict[str, Any]]:
    to_ports = st.lists(st.one_of(L4_RULES, L7_RULES), max_size=2)
    return st.fixed_dictionaries({}, optional={peers: st.lists(SELECTORS, max_size=2), "toPorts": to_ports})


SPECS = st.fixed_dictionaries(
    {"endpointSelector": st.fixed_dictionaries({"matchLabels": LABELS})},
    optional={
        "ingress": st.lists(elements("fromEndpoints"), max_size=2),
        "egress": st.lists(elements("toEndpoints"), max_size=2),
    },
).filter(lambda spec: spec.get("ingress") or spec.get("egress"))
PLACES = st.lists(st.tuples(st.sampled_from(("shop", "bank")), LABELS), min_size=1, max_size=4)
REQUESTS = st.builds(Request, st.sampled_from(("GET", "PUT", "POST")), st.sampled_from(("/", "/a", "/a/b")))


def selects(selector: dict[str, Any], policy_namespace: str, namespace: str, labels: dict[str, str]) -> bool:
    wanted = dict(selector["matchLabels"])
    return wanted.pop("io.kubernetes.pod.namespace", policy_namespace) == namespace and wanted.items() <= labels.items()


def opens(element: dict[str, Any], peer: tuple[str, dict[str, str]] | None, flow: Flow, namespace: str) -> bool | None:
    """True: lets the flow through; False: does not; None: would, but none of its HTTP rules matches."""
    listed = next((element[key] for key in ("fromEndpoints", "toEndpoints") if key in element), None)
    if listed is None and not element.get("toPorts"):
        return False
    if listed is not None and not (peer is not None and any(selects(selector, namespace, *peer) for selector in listed)):
        return False
    if not element.get("toPorts"):
        return True
    found: set[bool | None] = {False}
    for port_rule in element["toPorts"]:
        http = port_rule.get("rules", {}).get("http", [])
        for port in port_rule.get("ports", []):
            protocol = port.get("protocol", "ANY").upper()
            if protocol in ("ANY", flow.protocol.name) and port["port"] in ("0", str(flow.port)):
                found.add(True if not http or any(meets(rule, flow.http) for rule in http) else None)
    return True if True in found else None if None in found else False


def meets(rule: dict[str, str], request: Request | None) -> bool:
    given_fields = {} if request is None else {"method": request.method, "path": request.path}
    return request is not None and all(re.fullmatch(pattern, given_fields[key]) for key, pattern in rule.items())


def expected(spec: dict[str, Any], subject: tuple[str, dict[str, str]], peer: tuple[str, dict[str, str]] | None, flow: Flow) -> Outcome:
    elements_of_side = spec.get(flow.direction.value, [])
    if not elements_of_side or not selects(spec["endpointSelector"], "shop", *subject):
        return Outcome.ALLOW
    answers = {opens(element, peer, flow, "shop") for element in elements_of_side}
    if True in answers:
        return Outcome.ALLOW
    if None not in answers:
        return Outcome.DENY_DEFAULT
    return Outcome.INSPECT if flow.http is None else Outcome.HTTP_DENIED


@settings(max_examples=400, deadline=None)
@given(spec=SPECS, places=PLACES, draw=st.data())
def test_the_oracle_agrees_with_the_meaning_said_again(spec: dict[str, Any], places: list[tuple[str, dict[str, str]]], draw: st.DataObject) -> None:
    metadata = {"name": "p", "namespace": "shop"}
    text = json.dumps({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": metadata, "spec": spec})
    inventory = [Endpoint(f"e{number}", namespace, tuple(labels.items())) for number, (namespace, labels) in enumerate(places)]
    resolved = resolve(read(Source("policy.json", text)), inventory)
    direction = draw.draw(st.sampled_from(Direction))
    protocol, port = draw.draw(st.sampled_from((Protocol.TCP, Protocol.UDP, Protocol.SCTP))), draw.draw(st.sampled_from((80, 81, 82)))
    request = draw.draw(st.one_of(st.none(), REQUESTS))
    peers = [(each.identity, place) for each, place in zip(resolved.endpoints, places, strict=True)]
    for subject, place in zip(inventory, places, strict=True):
        for number, peer in [*peers, (WORLD, None)]:
            flow = Flow(subject.name, direction, number, protocol, port, request)
            assert verdict(resolved, flow).outcome is expected(spec, place, peer, flow)
