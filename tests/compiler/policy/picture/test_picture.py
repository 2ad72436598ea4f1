"""Policies as pictures: what is drawn is what is said and what the oracle does, and hostile texts stay texts."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.matrix import Cell, Reach
from pybpf.compiler.policy.model.flow import Flow, HttpRequest, Outcome, Party
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.labels import Selector
from pybpf.compiler.policy.model.layer7 import Generic, GenericRule
from pybpf.compiler.policy.model.peers import CloudGroups, Endpoints, Entities, Entity, Nodes, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, PortRule
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Entry, Side
from pybpf.compiler.policy.picture import Arrow, Fate, matrix_svg, picture, svg, text
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy import made
from tests.compiler.policy.strategies import policies

SVG = "{http://www.w3.org/2000/svg}"


def one(written: str) -> Policy:
    (policy,) = read(Source("a.policy", written)).policies
    return policy


def texts(drawn: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


SHOP = """policy orders in namespace shop for app=orders {
  allow from app=web or world on port 80: GET regex '/a', POST /b
  deny from app=c on port 81 on deny reset
  default allow egress
  pass to app=d
}"""
NOT_REFUSING = one("policy a for app=a { default allow ingress allow from app=b on port 80: GET /b }")


def test_a_policy_is_drawn_for_a_terminal() -> None:
    assert text(picture(one(SHOP))) == (
        """policy orders in namespace shop
  for app=orders

  ingress
    app=web         ──▶ app=orders  or
    world           ──▶ app=orders
        on port 80/tcp
          GET /a
          POST /b
    app=c           ──✗ app=orders
        denied
        on port 81/tcp
        refused with reset
    everything else ──✗ app=orders
        refused, unless another policy or a setting allows it

  egress
    app=orders ──» app=d
        left to the next tier
    app=orders ──▶ everything else
        passes, unless another policy or a setting refuses it
"""
    )


def test_what_a_policy_in_audit_refuses_is_not_drawn_as_refused() -> None:
    drawn = picture(one(SHOP.replace("{", "{ audit", 1)))
    assert [each.fate for each in drawn.ingress.arrows] == [Fate.PASSES, Fate.TOLD]
    assert drawn.ingress.rest is not None and drawn.ingress.rest.fate is Fate.TOLD
    assert "✗" not in text(drawn) and "#cf222e" not in svg([drawn])


def test_what_is_not_said_is_said_not_to_be() -> None:
    assert "egress: this policy says nothing of it" in text(picture(one("policy a for app=a { allow from nobody }")))


@pytest.mark.parametrize(
    "nobody",
    [(), (Entities(Entity.NONE, made.HERE),), (CloudGroups("aws", (), made.HERE), Entities(Entity.NONE, made.HERE))],
    ids=["no peers", "entity none", "groups that nobody asks for"],
)
def test_a_rule_for_nobody_is_no_arrow(nobody: tuple[Peer, ...]) -> None:
    (arrow,) = picture(made.policy(made.selecting(app="a"), made.rule(nobody))).ingress.arrows
    assert arrow.fate is Fate.NOTHING


def test_a_rule_for_nobody_and_somebody_is_an_arrow() -> None:
    (arrow,) = picture(made.policy(made.selecting(app="a"), made.rule((Entities(Entity.NONE, made.HERE), Entities(Entity.WORLD, made.HERE))))).ingress.arrows
    assert arrow.fate is Fate.PASSES


@pytest.mark.parametrize("parts", [[], [made.ports()]], ids=["no ports", "empty ports"])
def test_a_rule_for_no_port_is_no_arrow(parts: list[PortRule]) -> None:
    (arrow,) = picture(made.policy(made.selecting(app="a"), made.rule(None, parts))).ingress.arrows
    assert arrow.fate is Fate.NOTHING and arrow.lanes[0].where == "no port"


def test_requests_that_nobody_looks_at_are_said_not_to_count() -> None:
    (arrow,) = picture(NOT_REFUSING).ingress.arrows
    assert "do not count" in arrow.lanes[0].note
    (checked,) = picture(one("policy a for app=a { allow from app=b on port 80: GET /b }")).ingress.arrows
    assert checked.lanes[0].note == ""


def test_a_protocol_without_a_parser_lets_no_request_through() -> None:
    part = made.ports(made.port(80), layer7=Generic("r2d2", (GenericRule((("cmd", "READ"),), made.HERE),)))
    (arrow,) = picture(made.policy(made.selecting(app="a"), made.rule(None, [part]))).ingress.arrows
    assert "no request is let through" in arrow.lanes[0].note


def test_hosts_and_the_whole_cluster_are_named() -> None:
    drawn = picture(made.policy(made.selecting(), made.rule(None), namespace=None))
    assert drawn.title == "policy made of the whole cluster"
    hosts = replace(made.policy(made.selecting(), made.rule(None), namespace=None), subject=Nodes(Selector((), made.HERE)))
    assert picture(hosts).subject == "nodes"


def test_many_requests_are_counted() -> None:
    paths = ", ".join(f"GET /{number}" for number in range(20))
    drawn = text(picture(one(f"policy a for app=a {{ allow from app=b on port 80: {paths} }}")))
    assert "GET /6" in drawn and "GET /7" not in drawn and "… and 13 more" in drawn


def test_a_long_subject_stands_once() -> None:
    drawn = text(picture(one(f"policy a for app={'a' * 60} {{ allow from app=b }}")))
    assert drawn.count("a" * 60) == 1 and "app=b           ──▶ the subject" in drawn


def test_an_svg_has_the_same_words() -> None:
    drawn = svg([picture(one(SHOP)), picture(one("policy a for app=a { allow from nobody }"))])
    words = texts(drawn)
    assert {"policy orders in namespace shop", "app=web", "world", "port 80/tcp", '  GET /a', "denied", "everything else", "nobody", "policy a in namespace default"} <= set(words)
    root = ElementTree.fromstring(drawn)
    assert [each.tag for each in root][:3] == [f"{SVG}title", f"{SVG}desc", f"{SVG}style"]
    assert "──✗" in (root.findtext(f"{SVG}desc") or "")


def test_texts_of_policies_are_never_markup() -> None:
    hostile = """policy a for app=a { description '</title><script>alert(1)</script>&' allow from app=b on port 80: GET regex '/<b>&"' header x = '"><x y="' }"""
    drawn = svg([picture(one(hostile))])
    assert "<script" not in drawn and "<b>" not in drawn
    assert any('\'/<b>&"\'' in each for each in texts(drawn))


def test_texts_of_policies_are_never_lines_or_orders_to_a_terminal() -> None:
    drawn = picture(replace(NOT_REFUSING, name="a\x1b[2J", description="fine\n    world ──✗ app=a\n\x1b[31m\u202e"))
    assert all(line.isprintable() for line in text(drawn).splitlines())
    assert not any(line.startswith("    world") for line in text(drawn).splitlines())
    assert all(each.isprintable() for each in texts(svg([drawn])))


@settings(max_examples=100, deadline=None)
@given(policies(), st.integers(0, 120))
def test_every_policy_can_be_drawn(policy: Policy, width: int) -> None:
    drawn = picture(policy)
    ElementTree.fromstring(svg([drawn]))
    assert len(drawn.ingress.arrows) + len(drawn.egress.arrows) == len(policy.rules)
    lines = text(drawn, width).splitlines()
    assert all(len(line) <= max(width, 50) and line == line.rstrip() and line.isprintable() for line in lines)


@settings(max_examples=60, deadline=None)
@given(policies())
def test_what_is_drawn_is_what_resolving_makes_of_it(policy: Policy) -> None:
    """For a policy about everybody: default deny, rules that cover nothing, and requests that are not looked at."""
    policy = replace(policy, subject=Endpoints(Selector((), made.HERE)))
    resolved = resolve([policy], Inventory((made.endpoint("a", app="a"),)))
    (endpoint,) = (each for name, each in resolved.endpoints.items() if name == (made.NAMESPACE, "a"))
    drawn = picture(policy)
    for direction, half, side in ((Direction.INGRESS, drawn.ingress, endpoint.ingress), (Direction.EGRESS, drawn.egress, endpoint.egress)):
        assert (half.rest is not None) == side.enforced
        assert side.default_deny == (half.rest is not None and half.rest.fate is not Fate.PASSES)
        for arrow, rule in zip(half.arrows, (each for each in policy.rules if each.direction is direction), strict=True):
            entries = [each for each in side.entries if each.rule is rule]
            assert arrow.fate is not Fate.NOTHING or all(map(covers_nothing, entries))
            assert all(said_of(arrow, each) == is_unlooked_at(each, side) for each in entries)


def covers_nothing(entry: Entry) -> bool:
    return entry.ports == () or (entry.peers.identities == frozenset() and not entry.peers.names)


def said_of(arrow: Arrow, entry: Entry) -> bool:
    assert entry.rule is not None
    parts = entry.rule.port_rules or ()
    return any("do not count" in lane.note for lane, part in zip(arrow.lanes, parts, strict=False) if part is entry.port_rule)


def is_unlooked_at(entry: Entry, side: Side) -> bool:
    part = entry.port_rule
    return not entry.checked and part is not None and (part.layer7 is not None or bool(part.server_names))


def test_the_oracle_lets_pass_what_is_drawn_as_passing_unlooked_at() -> None:
    resolved = resolve([NOT_REFUSING], Inventory((made.endpoint("a", app="a"), made.endpoint("b", app="b"))))
    ends = Party(endpoint=("default", "b")), Party(endpoint=("default", "a"))
    flow = Flow(*ends, Direction.INGRESS, Protocol.TCP, 80, HttpRequest("POST", "/other"))
    assert verdict(resolved, flow).outcome is Outcome.ALLOW


def test_the_oracle_lets_pass_what_is_drawn_as_told() -> None:
    told = made.policy(made.selecting(app="a"), made.rule(None, action=Action.DENY), audit=True)
    resolved = resolve([told], Inventory((made.endpoint("a", app="a"),)))
    answer = verdict(resolved, Flow(Party(entity="world"), Party(endpoint=("default", "a")), Direction.INGRESS, Protocol.TCP, 80))
    assert answer.audited and answer.allowed


def test_a_matrix_is_a_table_for_each_port() -> None:
    cells = [
        Cell(source, destination, (Protocol.TCP, port), reach)
        for port in (80, 443)
        for source, destination, reach in (("a<", "b", Reach.YES), ("b", "a<", Reach.NO), ("a<", "world", Reach.REQUESTS))
    ]
    root = ElementTree.fromstring(matrix_svg(cells))
    titles = [each.text for each in root.iter(f"{SVG}title")]
    assert titles[1:4] == ["a< to b: yes", "a< to world: requests decide", "b to a<: no"]
    assert "2 requests decide" in (root.findtext(f"{SVG}desc") or "")
    assert len(titles) == 7 and {"TCP 80", "TCP 443", "a<", "world"} <= set(texts(matrix_svg(cells)))


def test_names_in_a_matrix_are_never_markup_or_unfit_for_xml() -> None:
    drawn = matrix_svg([Cell("a\x00</text>", "b", (Protocol.TCP, 80), Reach.NO)])
    assert r"a\u{0}</text>" in texts(drawn)
