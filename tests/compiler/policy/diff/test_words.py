"""Requests as words: rules match the same words as requests, and a word is read back as what it stands for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.automata import Dfa, intersect, is_empty, matches, minimize, without, witness
from pybpf.compiler.policy.diff.words import ACCEPT, Words, header_names
from pybpf.compiler.policy.model.flow import DnsQuery, Fit, HttpRequest, KafkaRequest
from pybpf.compiler.policy.model.layer7 import Dns, Http, HttpRule, Kafka, KafkaRule, MatchKind, TextMatch
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.verdict.requests import dns_fit, http_fit, kafka_fit, names_server
from tests.compiler.policy.made import HERE
from tests.compiler.policy.strategies import HTTP_RULES, KAFKA_RULES, PATTERNS, SERVER_NAMES

HEADERS = ("host", "upgrade", "x!y", "x-team", "x_y")
WORDS = Words(HEADERS)
VALUES = ["a", "b c", "x,y", 'say "a"', "", "zz", "websocket", "WebSocket"]
HTTP = st.builds(
    HttpRequest,
    st.sampled_from(["GET", "POST", "get", "M-SEARCH"]),
    st.sampled_from(["/", "/flights/7", "/flights/", "/flights/7?a", "/x,y", "/a/1", "/a?", "plain", "*"]),
    st.sampled_from(["", "shop.example", "Shop.example:80", "x.example", "a:8080"]),
    st.dictionaries(st.sampled_from(["X-Team", "x_y", "Host", "x!y", "Upgrade"]), st.sampled_from(VALUES)).map(lambda each: tuple(each.items())),
)
KAFKA = st.builds(
    KafkaRequest,
    st.sampled_from([0, 1, 3, 12, 18, 40, 200]),
    st.sampled_from([0, 1, 10, 32767]),
    st.sampled_from(["", "client", "a b", "é"]),
    st.sampled_from([(), ("orders",), ("other",)]),
)
QUERIES = st.sampled_from([".", "a.example.", "b.", "x_y.z.", "q.a.b.", "xzy."]).map(DnsQuery)


def word(request: HttpRequest | DnsQuery | KafkaRequest, server: str | None = None) -> bytes:
    """A request as a word, on a connection with this server name."""
    name = b"\1" if server is None else b"\2" + server.encode()
    match request:
        case HttpRequest(method, path, host, headers):
            values = {key.lower(): value.encode() for key, value in headers}
            rest = [b"\2" + values[key] if key in values else b"\1" for key in HEADERS]
            return b"\0".join([name, b"H" + method.encode(), path.encode(), host.encode(), *rest])
        case DnsQuery(asked):
            return name + b"\0D" + asked.encode()
        case KafkaRequest(key, version, client, topics):
            return b"\0".join([name, b"K%d" % key, b"%d" % version, client.encode(), b"\2" + topics[0].encode() if topics else b"\1"])


def has(words: Dfa, text: bytes) -> bool:
    return ACCEPT in matches(words, text)


@settings(max_examples=300, deadline=None)
@given(HTTP_RULES, HTTP)
def test_an_http_rule_matches_the_words_of_its_requests(rule: HttpRule, request: HttpRequest) -> None:
    assert has(WORDS.everything, word(request))
    assert has(WORDS.of(Http((rule,)), ()), word(request)) == (http_fit(rule, request) is Fit.COVERS)


@settings(max_examples=200, deadline=None)
@given(KAFKA_RULES, KAFKA)
def test_a_kafka_rule_matches_the_words_of_its_requests(rule: KafkaRule, request: KafkaRequest) -> None:
    assert has(WORDS.everything, word(request))
    assert has(WORDS.of(Kafka((rule,)), ()), word(request)) == (kafka_fit(rule, request) is Fit.COVERS)


@settings(max_examples=100, deadline=None)
@given(PATTERNS, QUERIES)
def test_a_pattern_matches_the_words_of_its_queries(pattern: DnsPattern, query: DnsQuery) -> None:
    assert has(WORDS.of(Dns((pattern,)), ()), word(query)) == (dns_fit(pattern, query) is Fit.COVERS)


@settings(max_examples=100, deadline=None)
@given(SERVER_NAMES, st.sampled_from([None, "a.example", "b.example", "b.a.example", "x"]))
def test_server_names_match_the_words_that_have_them(pattern: DnsPattern, server: str | None) -> None:
    assert has(WORDS.of(None, (pattern,)), word(DnsQuery("a."), server)) == names_server([pattern], server)


@settings(max_examples=100, deadline=None)
@given(HTTP_RULES, st.sampled_from([None, "a.example"]))
def test_a_word_is_read_as_a_request_that_the_rule_matches(rule: HttpRule, server: str | None) -> None:
    found = witness(WORDS.of(Http((rule,)), (DnsPattern(server, True, HERE),) if server is not None else ()))
    if found is not None:
        name, request = WORDS.meaning(found)
        assert name == server and isinstance(request, HttpRequest)
        assert http_fit(rule, request) is Fit.COVERS and word(request, name) == found


def test_other_requests_are_read_back_too() -> None:
    for request in (DnsQuery("a.b."), KafkaRequest(0, 3, "c", ("t",)), KafkaRequest(12, 0, "", ())):
        assert WORDS.meaning(word(request, "a.b")) == ("a.b", request)
    assert WORDS.meaning(b"\1\0O") == (None, None)


def test_examples_are_of_all_words_there_are() -> None:
    rest = WORDS.everything
    for words in WORDS.examples:
        assert not is_empty(words) and is_empty(without(words, WORDS.everything))
        rest = without(rest, words)
    assert is_empty(rest)


def test_names_and_requests_other_than_queries_come_over_tcp_alone() -> None:
    over_udp, over_sctp = WORDS.over(Protocol.UDP), WORDS.over(Protocol.SCTP)
    assert has(over_udp, word(DnsQuery("a."))) and not has(over_sctp, word(DnsQuery("a.")))
    assert not has(over_udp, word(HttpRequest("GET", "/"))) and not has(over_udp, word(DnsQuery("a."), "a.b"))
    assert has(over_sctp, b"\1\0O") and WORDS.over(Protocol.TCP) is WORDS.everything


def test_rules_that_match_the_same_requests_have_one_machine() -> None:
    def of(text: str) -> Dfa:
        return WORDS.of(Http((HttpRule(None, TextMatch(MatchKind.REGEX, text, HERE), None, (), HERE),)), ())

    assert of("/a|/b") == of("/[ab]") == of("/(b|a)")
    assert of("/a|/b") != of("/[abc]")
    assert minimize(intersect(of("/[ab]"), of("/[bc]"), accept=ACCEPT)) == of("/b")


def test_the_names_of_headers_are_those_of_all_rules() -> None:
    assert header_names([HttpRule(None, None, None, (), HERE)]) == ()
