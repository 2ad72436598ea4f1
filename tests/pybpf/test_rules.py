"""Policies made in Python are those that the language says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pybpf import policies, rules


def said(text: str) -> policies.Policy:
    """The one policy of a text."""
    (policy,) = policies.must_read([policies.Source("a.policy", text)]).policies
    return policy


def test_the_flights_policy_is_the_one_of_the_language() -> None:
    made = rules.policy(
        "read-flights",
        rules.labels(app="flights_service"),
        rules.allow_from(rules.labels(app="flights_board", env="prod"), ports=[rules.tcp(80)], requests=[rules.http("GET", "/flights")]),
    )
    assert made == said("policy read-flights for app=flights_service { allow from env=prod, app=flights_board on port 80: GET /flights }")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rules.allow_from(rules.ANYBODY), "allow from anybody"),
        (rules.allow_from(rules.NOBODY), "allow from nobody"),
        (rules.deny_from(rules.WORLD, rules.cidr("10.0.0.0/8", excepts=["10.1.0.0/16"])), "deny from world or 10.0.0.0/8 except 10.1.0.0/16"),
        (rules.allow_to(rules.service("db", namespace="data"), ports=[rules.tcp("postgres"), rules.udp(1, 9)]), "allow to service db in namespace data on port postgres/tcp, 1-9/udp"),
        (rules.allow_to(rules.dns_name("*.a.example"), ports=[rules.tcp(443)], tls=["x.a.example"]), 'allow to name "*.a.example" on port 443 tls "x.a.example"'),
        (rules.allow_to(rules.labels(app="dns"), ports=[rules.any_port(53)], requests=[rules.query("*.b")]), 'allow to app=dns on port 53/any: query "*.b"'),
        (rules.allow_from(rules.labels(rules.is_in("a", "b", "c"), rules.is_not("d", "e"), rules.has("f"), rules.lacks("g"))), "allow from a in (b, c), d!=e, has f, !g"),
        (rules.allow_from(rules.labels({"x.y/z": "a"}).in_namespace("n")), "allow from x.y/z=a in namespace n"),
        (rules.allow_from(rules.ENDPOINTS.in_namespace("n", "m")), "allow from endpoints in namespaces (n, m)"),
        (rules.allow_from(rules.ENDPOINTS.in_namespace_with(rules.labels(team="a"))), "allow from endpoints in namespace with team=a"),
        (rules.allow_from(rules.ENDPOINTS.in_any_namespace()), "allow from endpoints in any namespace"),
        (rules.allow_from(rules.labels(a="b").anywhere(), rules.nodes(role="x"), rules.NODES), "allow from a=b anywhere or nodes role=x or nodes"),
        (rules.allow_from(rules.cidr_group("p"), rules.entity("health")), "allow from cidr-group p or health"),
        (rules.allow_from(rules.HOST, ports=[rules.icmp("echo-request"), rules.icmpv6(1), rules.protocol("gre")]), "allow from host on icmp echo-request, icmpv6 1, protocol gre"),
        (
            rules.deny_from(rules.WORLD, ports=[rules.tcp(80)], requests=[rules.http(path=rules.prefix("/a")), rules.http("GET", rules.regex(r"/\d"), host="h", headers={"x": "y", "z": None})], on_deny="reset"),
            "deny from world on port 80: prefix '/a', GET regex '/\\d' host \"h\" header x = \"y\" header z on deny reset",
        ),
        (rules.allow_from(rules.HOST, ports=[rules.tcp(1)], requests=[rules.kafka("produce", topic="t", client="c")]), 'allow from host on port 1: kafka produce client "c" topic "t"'),
        (rules.allow_from(rules.HOST, ports=[rules.tcp(1)], requests=[rules.http(), rules.http("GET", rules.glob("/a*")), rules.http("GET", rules.template("/{a}")), rules.http("GET", rules.exact("/*"))]), 'allow from host on port 1: any request, GET /a*, GET /{a}, GET exact "/*"'),
    ],
)
def test_a_rule_is_what_its_words_say(rule: rules.Rule, text: str) -> None:
    assert rules.policy("a", rules.labels(app="a"), rule) == said(f"policy a for app=a {{ {text} }}")


def test_a_policy_has_its_settings() -> None:
    made = rules.cluster_policy("a", rules.nodes(role="x"), rules.default_allow("ingress"), rules.default_deny("egress"), rules.allow_from(rules.HOST), audit=True, on_deny="drop", description='say "a"')
    assert made == said("cluster policy a for nodes role=x { description 'say \"a\"' audit default on deny drop default allow ingress default deny egress allow from host }")


def test_what_is_wrong_names_the_line_of_python() -> None:
    with pytest.raises(policies.CompileError) as caught:
        rules.policy("a", rules.labels(app="a b"), rules.allow_from(rules.cidr("10.0.0.0/40")))
    assert [each.code for each in caught.value.diagnostics] == ["policy-label", "policy-cidr"]
    assert "test_rules.py:" in caught.value.diagnostics[0].span.source.name


@pytest.mark.parametrize("text", ["x } policy b for endpoints { allow from all", 'x" } policy b for endpoints { allow from all } #'])
def test_a_text_cannot_say_more_than_a_text(text: str) -> None:
    with pytest.raises(policies.CompileError):
        rules.policy("a", rules.labels(app=text), rules.allow_from(rules.HOST))


@pytest.mark.parametrize(
    "make",
    [
        lambda: rules.entity("host } policy b for endpoints { allow from all"),
        lambda: rules.entity("host or world"),
        lambda: rules.cidr("10.0.0.0/8 #"),
        lambda: rules.cidr("10.0.0.0/8\n  allow from anybody"),
        lambda: rules.cidr("10.0.0.0/8", excepts=["10.1.0.0/16\nallow from anybody"]),
        lambda: rules.protocol("udp\nallow from anybody"),
        lambda: rules.icmp("8\nallow from anybody"),
        lambda: rules.default_allow("ingress allow from anybody"),  # type: ignore[arg-type]
        lambda: rules.deny_from(rules.HOST, on_deny="drop allow from anybody"),  # type: ignore[arg-type]
        lambda: rules.labels("app=a or world"),  # type: ignore[arg-type]
        lambda: rules.allow_from("app=a or world"),  # type: ignore[arg-type]
        lambda: rules.allow_from(rules.HOST, ports=["port 80"]),  # type: ignore[list-item]
        lambda: rules.labels(app="a").in_namespace_with(rules.labels(team="x").in_namespace("y")),
    ],
)
def test_no_part_is_more_than_that_part(make: Callable[[], object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: rules.allow_from(rules.HOST, ports=[]),
        lambda: rules.allow_from(rules.HOST, ports=[rules.tcp(80)], requests=[]),
        lambda: rules.allow_from(rules.HOST, ports=[rules.tcp(443)], tls=[]),
        lambda: rules.nodes(),
        lambda: rules.ENDPOINTS.in_namespace(),
    ],
)
def test_an_empty_list_is_not_any(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"would (be|mean)"):
        make()


def test_nobody_is_everybody_by_accident() -> None:
    with pytest.raises(ValueError, match="ANYBODY"):
        rules.allow_from()
    with pytest.raises(ValueError, match="ENDPOINTS"):
        rules.labels()
    with pytest.raises(ValueError, match="ports"):
        rules.allow_from(rules.HOST, requests=[rules.http("GET")])


def test_policies_made_in_python_are_asked_and_compared() -> None:
    old = rules.policy("a", rules.labels(app="a"), rules.allow_from(rules.labels(app="b"), ports=[rules.tcp(80)]))
    new = rules.policy("a", rules.labels(app="a"), rules.allow_from(rules.labels(app="b"), ports=[rules.tcp(80, 81)]))
    (difference,) = policies.differences([old], [new])
    assert difference.allowed
    assert policies.show([new]) == "policy a in namespace default for app=a {\n  allow from app=b on port 80-81/tcp\n}\n"
