"""What conditions on texts match, kind by kind; regular expressions are compared with RE2 itself in test_pattern.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pybpf.compiler.automata import Pattern
from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.model.layer7 import MatchKind, TextMatch
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.patterns import (
    accepts,
    accepts_name,
    dns_pattern,
    host_pattern,
    path_pattern,
    server_name_pattern,
    value_pattern,
)

HERE = Span(Source("made", ""), 1, 1, 1, 1)


def match(kind: MatchKind, text: str) -> TextMatch:
    return TextMatch(kind, text, HERE)


# kind, text, paths that match, paths that do not
PATHS = [
    (MatchKind.REGEX, "/public", ["/public"], ["/public/x", "/public?x=1", "/Public", "x/public"]),
    (MatchKind.REGEX, "/a|/b", ["/a", "/b"], ["/a/b", "/ab"]),
    (MatchKind.REGEX, "(?i)/a", ["/a", "/A"], ["/b"]),
    (MatchKind.EXACT, "/a.b", ["/a.b"], ["/axb", "/a.b?", "/a.b/"]),
    (MatchKind.EXACT, "/a?*", ["/a", "/a?", "/a?x=/y"], ["/a/", "/ab"]),
    (MatchKind.PREFIX, "/a/", ["/a/", "/a/b/c?d"], ["/a", "/b/a/"]),
    (MatchKind.GLOB, "/a/*", ["/a/", "/a/b", "/a/b.c"], ["/a", "/a/b/c", "/a/b?c"]),
    (MatchKind.GLOB, "/a/**", ["/a/", "/a/b", "/a/b/c"], ["/a", "/a/b?c"]),
    (MatchKind.GLOB, "/a/**?*", ["/a/b/c?d", "/a/b"], ["/b?/a/"]),
    (MatchKind.GLOB, "/*.js", ["/x.js", "/.js"], ["/a/x.js", "/x.jss"]),
    (MatchKind.TEMPLATE, "/flights/{id}", ["/flights/1", "/flights/a-b"], ["/flights/", "/flights/1/2", "/flights/1?x", "/flights"]),
    (MatchKind.TEMPLATE, "/f/{a}/g/{b}?*", ["/f/1/g/2", "/f/1/g/2?x=1"], ["/f//g/2", "/f/1/g/"]),
    (MatchKind.TEMPLATE, "/a{b", ["/a{b"], ["/a1"]),
    (MatchKind.EXACT, "/é", ["/é"], ["/e"]),
]
# kind, text, hosts that match, hosts that do not
HOSTS = [
    (MatchKind.REGEX, "a.b", ["a.b", "axb"], ["A.B", "a.b:80"]),
    (MatchKind.EXACT, "Shop.example", ["shop.example", "SHOP.EXAMPLE", "shop.example:8080"], ["shopxexample", "a.shop.example", "shop.example:"]),
    (MatchKind.EXACT, "shop:80", ["shop:80", "SHOP:80"], ["shop", "shop:8080"]),
    (MatchKind.GLOB, "*.example", ["a.example", "a.example:1", "A.EXAMPLE"], ["a.b.example", "example"]),
    (MatchKind.GLOB, "**.example", ["a.b.example", "a.example"], ["example", "a.example.org"]),
    (MatchKind.PREFIX, "api.", ["api.x", "API.x:80"], ["xapi.x"]),
]
# pattern, names that match, names that do not: the table of Cilium's documentation and code
NAMES = [
    ("cilium.io", ["cilium.io."], ["www.cilium.io.", "ciliumxio."]),
    ("*.cilium.io", ["www.cilium.io.", ".cilium.io."], ["cilium.io.", "a.b.cilium.io."]),
    ("*cilium.io", ["cilium.io.", "sub-cilium.io."], ["www.cilium.io."]),
    ("**.cilium.io", ["a.cilium.io.", "a.b.cilium.io."], ["cilium.io.", ".cilium.io."]),
    ("sub*.cilium.io", ["sub.cilium.io.", "sub1.cilium.io."], ["sub.x.cilium.io."]),
    ("***.a", ["x.a.", "x.y.a."], ["a."]),
    ("a.**.b", ["a..b.", "a.x.b."], ["a.x.y.b."]),
    ("*", ["a.", "a.b.c.", "."], ["", "a..b."]),
    ("**", ["a.b.", "."], [""]),
    ("*.", ["a.", "a.b.", "."], []),
    ("CILIUM.io.", ["cilium.io."], ["cilium.io"]),
]
SERVER_NAMES = [
    ("a.example", ["a.example"], ["b.a.example", "aXexample"]),
    ("*.example", ["a.example", ".example"], ["a.b.example", "example"]),
    ("**.example", ["a.example", "a.b.example"], ["example", ".example"]),
    ("*", ["a", "a.b"], ["", "a.", ".a"]),
    ("api*.example.", ["api.example", "api1.example"], ["api.x.example"]),
    ("a.**.b", ["a.x.b", "a.x.y.b"], ["a.b"]),
]


@pytest.mark.parametrize(("kind", "text", "good", "bad"), PATHS, ids=lambda each: each if isinstance(each, str) else "")
def test_a_path_is_matched_with_its_query(kind: MatchKind, text: str, good: list[str], bad: list[str]) -> None:
    assert [path for path in good if not accepts(path_pattern, match(kind, text), path)] == []
    assert [path for path in bad if accepts(path_pattern, match(kind, text), path)] == []


@pytest.mark.parametrize(("kind", "text", "good", "bad"), HOSTS, ids=lambda each: each if isinstance(each, str) else "")
def test_a_host_that_is_no_regular_expression_is_matched_in_any_case_and_with_any_port(
    kind: MatchKind, text: str, good: list[str], bad: list[str]
) -> None:
    assert [host for host in good if not accepts(host_pattern, match(kind, text), host)] == []
    assert [host for host in bad if accepts(host_pattern, match(kind, text), host)] == []


@pytest.mark.parametrize(("text", "good", "bad"), NAMES, ids=lambda each: each if isinstance(each, str) else "")
def test_dns_names_are_matched_as_cilium_does(text: str, good: list[str], bad: list[str]) -> None:
    pattern = DnsPattern(text, "*" not in text, HERE)
    assert [name for name in good if not accepts_name(dns_pattern, pattern, name)] == []
    assert [name for name in bad if accepts_name(dns_pattern, pattern, name)] == []


@pytest.mark.parametrize(("text", "good", "bad"), SERVER_NAMES, ids=lambda each: each if isinstance(each, str) else "")
def test_server_names_are_matched_as_ciliums_proxy_does(text: str, good: list[str], bad: list[str]) -> None:
    pattern = DnsPattern(text, "*" not in text, HERE)
    assert [name for name in good if not accepts_name(server_name_pattern, pattern, name)] == []
    assert [name for name in bad if accepts_name(server_name_pattern, pattern, name)] == []


@pytest.mark.parametrize("meaning", [value_pattern, path_pattern, host_pattern])
def test_without_wild_parts_every_kind_means_the_text(meaning: Callable[[TextMatch], Pattern]) -> None:
    for kind in (MatchKind.EXACT, MatchKind.GLOB, MatchKind.TEMPLATE):
        assert accepts(meaning, match(kind, "get"), "get")
        assert not accepts(meaning, match(kind, "get"), "gets")


def test_a_value_has_no_parts() -> None:
    assert accepts(value_pattern, match(MatchKind.GLOB, "a*"), "a/b?c.d")
    assert not accepts(value_pattern, match(MatchKind.EXACT, "GET"), "get")


@pytest.mark.parametrize("text", ["*.*", "**.*", "*.*.*"])
@pytest.mark.parametrize(("name", "matches"), [(".", False), ("com.", False), ("a.b.", None), ("a.b.c.d.", None)])
def test_stars_between_dots_are_no_star_alone(text: str, name: str, matches: bool | None) -> None:
    found = accepts_name(dns_pattern, DnsPattern(text, False, HERE), name)
    if matches is not None:
        assert found is matches
    elif text == "*.*":
        assert found is (name == "a.b.")
