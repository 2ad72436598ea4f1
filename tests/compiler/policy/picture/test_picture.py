"""Policies as pictures: what is drawn is what is said, and hostile texts stay texts."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.matrix import Cell, Reach
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.picture import matrix_svg, picture, svg, text
from tests.compiler.policy.strategies import policies

SVG = "{http://www.w3.org/2000/svg}"


def one(written: str) -> Policy:
    (policy,) = read(Source("a.policy", written)).policies
    return policy


def texts(drawn: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


SHOP = """policy orders in namespace shop for app=orders {
  audit
  allow from app=web or world on port 80: GET regex 'a', POST /b
  deny from app=c on port 81 on deny reset
  default allow egress
  pass to app=d
}"""


def test_a_policy_is_drawn_for_a_terminal() -> None:
    assert text(picture(one(SHOP))) == (
        """policy orders in namespace shop
  for app=orders
  audit: refusals are told and not done

  ingress
    app=web         ──▶ app=orders  or
    world           ──▶ app=orders
        on port 80/tcp
          GET "a"
          POST /b
    app=c           ──✗ app=orders
        denied
        on port 81/tcp
        refused with reset
    everything else ──✗ app=orders

  egress
    app=orders ──» app=d
        left to the next tier
    app=orders ──▶ everything else
"""
    )


def test_nobody_is_no_arrow_and_what_is_not_said_is_said_not_to_be() -> None:
    drawn = text(picture(one("policy a for app=a { allow from nobody }")))
    assert "everything else ──✗ app=a" in drawn and "egress: this policy says nothing of it" in drawn and "nobody" not in drawn


def test_many_requests_are_counted() -> None:
    paths = ", ".join(f"GET /{number}" for number in range(20))
    drawn = text(picture(one(f"policy a for app=a {{ allow from app=b on port 80: {paths} }}")))
    assert "GET /6" in drawn and "GET /7" not in drawn and "... and 13 more" in drawn


def test_an_svg_has_the_same_words() -> None:
    drawn = svg([picture(one(SHOP)), picture(one("policy a for app=a { allow from nobody }"))])
    words = texts(drawn)
    assert {"policy orders in namespace shop", "app=web", "world", "port 80/tcp", '  GET "a"', "denied", "everything else", "refused", "policy a in namespace default"} <= set(words)
    root = ElementTree.fromstring(drawn)
    assert [each.tag for each in root][:3] == [f"{SVG}title", f"{SVG}desc", f"{SVG}style"]
    assert "──✗" in (root.findtext(f"{SVG}desc") or "")


def test_texts_of_policies_are_never_markup() -> None:
    hostile = """policy a for app=a { description '</title><script>alert(1)</script>&' allow from app=b on port 80: GET regex '/<b>&"' header x = '"><x y="' }"""
    drawn = svg([picture(one(hostile))])
    assert "<script" not in drawn and "<b>" not in drawn
    assert any('\'/<b>&"\'' in each for each in texts(drawn))


@settings(max_examples=100, deadline=None)
@given(policies())
def test_every_policy_can_be_drawn(policy: Policy) -> None:
    drawn = picture(policy)
    ElementTree.fromstring(svg([drawn]))
    rules = [each for each in policy.rules if each.peers != ()]
    assert len(drawn.ingress.arrows) + len(drawn.egress.arrows) == len(rules)
    assert text(drawn).count("everything else") == len({each.direction for each in policy.rules})


def test_a_matrix_is_a_table_for_each_port() -> None:
    cells = [
        Cell(source, destination, (Protocol.TCP, port), reach)
        for port in (80, 443)
        for source, destination, reach in (("a<", "b", Reach.YES), ("b", "a<", Reach.NO), ("a<", "world", Reach.REQUESTS))
    ]
    root = ElementTree.fromstring(matrix_svg(cells))
    titles = [each.text for each in root.iter(f"{SVG}title")]
    assert titles[1:4] == ["a< to b: yes", "a< to world: requests decide", "b to a<: no"]
    assert len(titles) == 7 and {"TCP 80", "TCP 443", "a<", "world"} <= set(texts(matrix_svg(cells)))
