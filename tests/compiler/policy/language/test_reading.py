"""What the language says, sentence by sentence; variables, imports, and what one bad statement does to its neighbours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.diag import CompileError, Source
from pybpf.compiler.policy.cilium import policies as read_cilium
from pybpf.compiler.policy.language import formatted, read, show, simplified
from pybpf.compiler.policy.model.layer7 import Http, MatchKind
from pybpf.compiler.policy.model.peers import Services
from pybpf.compiler.policy.model.policy import Direction, Kind, OnDeny, Policy
from pybpf.compiler.policy.model.ports import NamedPort, PortRange, Protocol
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report

FLIGHTS = """policy read-flights for app=flights_service {
  allow from env=prod, app=flights_board on port 80: GET /flights
}
"""


def one(text: str) -> Policy:
    """The one policy of a good text."""
    parsed = read(Source("a.policy", text))
    assert parsed.found == ()
    (policy,) = parsed.policies
    return policy


def of_cilium(text: str) -> Policy:
    """The one policy of a CiliumNetworkPolicy."""
    (document,), _ = parse(Source("a.yaml", text))
    report = Report()
    (policy,) = read_cilium(document, report)
    assert not report.found
    return policy


def test_the_flights_rule_fits_on_three_lines_and_means_what_cilium_says() -> None:
    policy = one(FLIGHTS.replace("GET /flights", "GET|HEAD regex '/flights(/.*)?'"))
    same = of_cilium("""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: read-flights}
spec:
  endpointSelector: {matchLabels: {app: flights_service}}
  ingress:
  - fromEndpoints: [{matchLabels: {env: prod, app: flights_board}}]
    toPorts:
    - ports: [{port: "80", protocol: TCP}]
      rules: {http: [{method: GET|HEAD, path: "/flights(/.*)?"}]}
""")
    assert FLIGHTS.count("\n") == 3
    assert (policy.kind, same.kind) == (Kind.LANGUAGE, Kind.CILIUM)
    assert (policy.subject, policy.rules, policy.default_deny) == (same.subject, same.rules, same.default_deny)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("/flights", MatchKind.EXACT),
        ("/flights/*", MatchKind.GLOB),
        ("/flights/**?*", MatchKind.GLOB),
        ("/flights/{id}", MatchKind.TEMPLATE),
        ("/flights/{id}?*", MatchKind.TEMPLATE),
        ('prefix "/flights"', MatchKind.PREFIX),
        ("regex '/flights'", MatchKind.REGEX),
        ('exact "/flights/*"', MatchKind.EXACT),
        ('"/a path"', MatchKind.EXACT),
    ],
)
def test_a_path_is_matched_as_it_looks_unless_it_says_how(written: str, kind: MatchKind) -> None:
    rules = one(FLIGHTS.replace("/flights\n", f"{written}\n")).rules[0].port_rules
    assert rules is not None
    requests = rules[0].layer7
    assert isinstance(requests, Http)
    assert requests.rules[0].path is not None
    assert requests.rules[0].path.kind is kind


@pytest.mark.parametrize(
    ("written", "protocol"), [("80", Protocol.TCP), ("80/udp", Protocol.UDP), ("80/ANY", Protocol.ANY), ("http", Protocol.TCP), ("http/sctp", Protocol.SCTP)]
)
def test_a_port_without_a_protocol_is_one_of_tcp(written: str, protocol: Protocol) -> None:
    rules = one(f"policy a for app=a {{ allow from anybody on port {written} }}").rules[0].port_rules
    assert rules is not None
    (port,) = rules[0].ports
    assert isinstance(port, (PortRange, NamedPort))
    assert port.protocol is protocol


def test_what_is_a_keyword_elsewhere_is_a_label_where_a_label_stands() -> None:
    policy = one("policy in for in=or, namespace=world, has host, !on { allow from world=all or world }")
    assert [each.key for each in policy.subject.selector.requirements] == ["host", "in", "namespace", "on", "io.kubernetes.pod.namespace"]


def test_keywords_are_whole_words() -> None:
    assert read(Source("a.policy", "policy a for app=a { allow from worldor app=b }")).found[0].code == "policy-syntax"


def test_a_service_is_one_of_the_policys_namespace_unless_it_says_another() -> None:
    policy = one("policy a in namespace shop for app=a { allow to service db or service db in any namespace or service db in namespace x }")
    assert [each.namespace for each in policy.rules[0].peers or () if isinstance(each, Services)] == ["shop", None, "x"]


def test_a_namespace_by_its_labels_is_always_a_namespace() -> None:
    (peer,) = one("cluster policy a for app=a { allow from endpoints in namespace with team!=a }").rules[0].peers or ()
    assert "io.kubernetes.pod.namespace" in str(peer)


def test_rules_deny_by_default_what_they_do_not_allow() -> None:
    assert one(FLIGHTS).default_deny == {Direction.INGRESS}
    assert one("policy a for app=a { default allow ingress allow from world }").default_deny == frozenset()
    nothing_out = one("policy a for app=a { default deny egress }")
    assert nothing_out.default_deny == {Direction.EGRESS}
    assert [each.peers for each in nothing_out.rules] == [()]


def test_a_rule_may_refuse_otherwise_than_its_policy() -> None:
    policy = one("policy a for app=a { default on deny drop deny from world on deny reset deny from host }")
    assert (policy.on_deny, [each.on_deny for each in policy.rules]) == (OnDeny.DROP, [OnDeny.RESET, None])


def test_an_address_alone_is_the_network_of_that_address() -> None:
    policy = one("policy a for app=a { allow from 192.0.2.7 or 2001:db8::7 }")
    assert [str(getattr(each, "network", None)) for each in policy.rules[0].peers or ()] == ["192.0.2.7/32", "2001:db8::7/128"]


def test_one_bad_policy_leaves_its_neighbours_alone() -> None:
    parsed = read(Source("a.policy", FLIGHTS + "policy bad for { }\n" + FLIGHTS.replace("read-", "more-") + "policy worse { allow }\n"))
    assert [each.name for each in parsed.policies] == ["read-flights", "more-flights"]
    assert [(each.code, each.span.line) for each in parsed.found] == [("policy-syntax", 4), ("policy-syntax", 8)]


def test_all_errors_of_a_policy_come_at_once() -> None:
    parsed = read(Source("a.policy", "policy a for app=a/b { allow from 10.0.0.0/40 on port 70000: GET /{} deny from nobody }"))
    assert [each.code for each in parsed.found] == ["policy-label", "policy-cidr", "policy-port-text", "policy-condition", "policy-peers"]


def test_variables_stand_for_labels_peers_ports_requests_and_texts() -> None:
    variables = """
let team = "shop"
let board = labels app=board, team=$team
let web = ports 80, 8080
let callers = peers $board, env=prod or 192.0.2.0/24
let reads = requests GET /flights, GET /flights/{id}
policy a for $board, tier=front { allow from $callers or world on $web, 443: $reads, POST $path }
""".replace("policy a", 'let path = prefix "/orders"\npolicy a')
    plain = """policy a for app=board, team=shop, tier=front {
  allow from app=board, team=shop, env=prod or 192.0.2.0/24 or world on port 80, 8080, 443:
    GET /flights, GET /flights/{id}, POST prefix "/orders"
}"""
    assert one(variables) == one(plain)


def test_peers_of_a_variable_are_looked_for_where_it_is_used() -> None:
    text = "let x = peers app=a\npolicy p in namespace one for app=b { allow from $x }\npolicy q in namespace two for app=b { allow from $x }"
    first, second = (each.rules for each in read(Source("a.policy", text)).policies)
    assert "('one',)" in str(first)
    assert "('two',)" in str(second)


def test_a_variable_that_nothing_uses_is_told() -> None:
    (found,) = read(Source("a.policy", "let x = ports 80\n" + FLIGHTS)).found
    assert (found.code, found.span.line) == ("lint-unused-variable", 1)


def files(**texts: str) -> Callable[[Source, str], Source]:
    """What loads these files, by their names without suffix."""

    def load(importer: Source, path: str) -> Source:
        if path.removesuffix(".policy") not in texts:
            raise FileNotFoundError(2, "No such file or directory", path)
        return Source(path, texts[path.removesuffix(".policy")])

    return load


USE = 'import "shared.policy"\npolicy a for app=a { allow from $callers }'


def test_variables_are_imported_from_other_files_and_from_those_that_they_import() -> None:
    load = files(shared='import "deeper.policy"\nlet callers = peers $who', deeper="let who = peers app=b or world")
    parsed = read(Source("a.policy", USE), load)
    assert parsed.found == ()
    assert parsed.policies == (one("policy a for app=a { allow from app=b or world }"),)


def test_a_file_may_be_imported_on_two_ways() -> None:
    load = files(shared='import "deeper.policy"\nlet callers = peers $who', deeper="let who = peers app=b")
    assert read(Source("a.policy", 'import "deeper.policy"\n' + USE), load).found == ()


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (files(), "cannot be read: No such file"),
        (files(shared='import "a.policy"', a=USE), "imports itself: a.policy imports shared.policy imports a.policy"),
        (files(shared=FLIGHTS), "only variables are imported"),
    ],
)
def test_an_import_that_gives_nothing_is_refused(load: Callable[[Source, str], Source], message: str) -> None:
    parsed = read(Source("a.policy", USE), load)
    assert any(each.code == "policy-import" and message in each.message for each in parsed.found)
    assert parsed.policies == ()


def test_an_error_in_an_imported_file_has_its_place_there() -> None:
    parsed = read(Source("a.policy", USE), files(shared="let callers = peers 10.0.0.0/33"))
    assert {str(each.span) for each in parsed.found} == {"shared.policy:1:21"}
    assert parsed.policies == ()


@pytest.mark.parametrize("hidden", ["\x00", "\r", "\x0b", "\x85", "\u2028", "\u202e", "\u2066", "\ufeff", "\u200b", "\xad", "\u180e", "\u3164", "\xa0", "\U000e0041"])
def test_a_text_that_may_look_otherwise_than_it_reads_is_refused(hidden: str) -> None:
    parsed = read(Source("a.policy", f"# note{hidden}policy b for app=b {{ deny from world }}\n" + FLIGHTS))
    assert (parsed.policies, [each.code for each in parsed.found]) == ((), ["policy-syntax"])
    assert (parsed.found[0].span.line, parsed.found[0].span.column) == (1, 7)


def test_lines_may_end_as_on_windows() -> None:
    assert read(Source("a.policy", FLIGHTS.replace("\n", "\r\n"))).policies == read(Source("a.policy", FLIGHTS)).policies


def test_variables_that_grow_without_end_are_refused() -> None:
    lets = "".join(f"let a{number + 1} = peers $a{number} or $a{number}\n" for number in range(60))
    parsed = read(Source("a.policy", "let a0 = peers world\n" + lets + "policy p for app=a { allow from $a60 }"))
    assert parsed.policies == () and any("stand for more than" in each.message for each in parsed.found)


def test_files_that_import_without_end_are_refused() -> None:
    parsed = read(Source("0", 'import "x.policy"\n' + FLIGHTS), lambda importer, _: Source(str(int(importer.name) + 1), 'import "x.policy"'))
    assert [each.code for each in parsed.found] == ["policy-import"]


TEXT = (Path(__file__).resolve().parents[4] / "docs" / "policy-language.md").read_text()
EXAMPLES = re.findall(r"```policy\n(.*?)```", TEXT, re.DOTALL)
PIECES = ["|", "*", "{", "}", "(", ")", "[", "]", ",", ":", "=", "!=", "!", "$x", "/a", "GET", "or", "on", "port", "80/tcp", '"', "'", "#", "\\", "-", "é", "10.0.0.0/8", "::1", "in", "policy"]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_whatever_is_written_is_read_or_refused_with_a_hint(text: str, data: st.DataObject) -> None:
    words = re.split(r"(\s+)", text)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(words) - 1))
        words[at : at + data.draw(st.integers(0, 2))] = [data.draw(st.sampled_from(PIECES))] * data.draw(st.integers(0, 1))
    source = Source("a.policy", "".join(words))
    parsed = read(source)
    assert all(each.hint and each.message for each in parsed.found)
    try:
        formatted(source)
    except CompileError as error:
        assert all(each.hint for each in error.diagnostics)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("policy a for app: a { allow from world }", "write a label as key=value"),
        ("policy a for app=a { allow from app=b on port 80 GET /x }", "write a colon between the ports and the requests"),
        ("policy a for app=a { allow from 10.0.0.0/8, 10.1.0.0/16 }", "peers are joined by `or`"),
        ("policy a for app=a { allow ingress from app=b }", "write `from` for those who call"),
        ("policy a for app=a { allow from app=b to port 80 }", "write `on` before ports"),
        ("policy a for app=a { allow from app=b on port 80: get /x }", "methods are written in capitals"),
        ("policy a for app=a { allow from app=b on port 80: GET * }", "write /** for any path"),
        ("policy a for app=a { allow from app=b ; }", "the next rule or setting"),
        ("policy a for app=a { allow from app=b } ;", "the next statement"),
    ],
)
def test_common_mistakes_have_the_hint_that_mends_them(text: str, hint: str) -> None:
    (found,) = read(Source("a.policy", text)).found
    assert hint in found.hint


@pytest.mark.parametrize("text", ["allow from app=web#1, team=x", "allow from world on port 80: GET /a#b, POST /c"])
def test_a_comment_does_not_begin_within_a_word(text: str) -> None:
    parsed = read(Source("a.policy", f"policy a for app=a {{ {text}\n}}"))
    assert parsed.policies == () and "behind a blank" in parsed.found[0].message


@pytest.mark.parametrize("path", ["/etc/passwd", "-", "a.yaml", "a\\u{0}.policy"])
def test_only_policy_files_beside_this_one_are_imported(path: str) -> None:
    def load(_importer: Source, name: str) -> Source:
        raise ValueError(f"{name!r} is never opened, or cannot be")

    parsed = read(Source("a.policy", f'import "{path}"\n' + FLIGHTS), load)
    assert [each.code for each in parsed.found] == ["policy-import"]


def test_a_file_is_read_once_however_often_it_is_imported() -> None:
    asked: list[str] = []

    def load(_importer: Source, name: str) -> Source:
        asked.append(name)
        number = int(name.removesuffix(".policy"))
        return Source(name, f'import "{number + 1}.policy"\nimport "{number + 1}.policy"\nlet a{number} = ports 80' if number < 20 else "")

    read(Source("a.policy", 'import "0.policy"\n' + FLIGHTS), load)
    assert len(asked) <= 42


@pytest.mark.parametrize("number", ["1e400", "9007199254740993"])
def test_a_priority_is_the_number_that_is_written(number: str) -> None:
    parsed = read(Source("a.policy", f"policy a for app=a {{ priority {number} allow from world }}"))
    assert [each.code for each in parsed.found] == ["policy-condition"]


def test_a_path_that_looks_like_any_query_stays_an_expression() -> None:
    policy = of_cilium(r"""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a}
spec:
  endpointSelector: {matchLabels: {app: a}}
  ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: '/a\?\*', method: 'a b'}]}}]}]
""")
    assert simplified(policy) == policy
    assert read(Source("a.policy", show([policy]))).policies[0].rules == policy.rules
