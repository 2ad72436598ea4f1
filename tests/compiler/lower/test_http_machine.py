"""The HTTP automaton accepts exactly the strict requests that a rule allows, wherever they are cut."""

from __future__ import annotations

import pytest

from pybpf.compiler.diag import CompileError
from pybpf.compiler.lower.http_tables import http_tables
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.matching import MAX_HEAD_BYTES
from tests.support import http_oracle, http_python
from tests.support.http_requests import cases
from tests.support.rules import http_rules, tables_of

RULES = [("GET", "/flights"), ("POST|PUT", "/bookings/[0-9]+"), (None, "/open(/.*)?"), ("GET", "/caf.*")]
GET = b"GET /flights HTTP/1.1\r\nHost: a\r\n"


def judged(rules: list[tuple[str | None, str | None]], *pieces: bytes) -> Reason:
    http_python.install(tables_of(rules))
    return http_python.judge(pieces)


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_the_oracle_on_generated_streams(seed: int) -> None:
    http_python.install(tables_of(RULES))
    for case in cases(seed, 500):
        allowed = http_python.judge(case.pieces) == Reason.POLICY and http_python.is_between_requests()
        assert allowed == http_oracle.allows(case.stream, RULES), case


@pytest.mark.parametrize("seed", range(10, 12))
def test_no_verdict_depends_on_where_the_stream_is_cut(seed: int) -> None:
    http_python.install(tables_of(RULES))
    for case in cases(seed, 300):
        whole = http_python.judge([case.stream])
        assert http_python.judge(case.pieces) == whole
        assert http_python.judge([bytes([byte]) for byte in case.stream]) == whole, case.stream


@pytest.mark.parametrize(
    "path",
    [
        "/flights/", "/flights/123", "/flights?from=WAW", "//flights", "/./flights", "/fl%69ghts", "/flights#x", "/flights;a=1", "flights", "*",
        "http://h/flights", "/flights%2F", "/flights%00", "/FLIGHTS", "/flights%", "/flights%zz", "/flights\\", "/flights ",
    ],
)  # fmt: skip
def test_a_rule_for_one_path_allows_no_other_spelling_of_it(path: str) -> None:
    assert judged([("GET", "/flights")], f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()) == Reason.REQUEST


@pytest.mark.parametrize(
    "path", ["//x", "/a/../b", "/./a", "/a/.", "/%2e%2e/a", "/a%2Fb", "/a%5Cb", "/%41", "/a%00", "/a%25b", "/a;b", "/%c0%ae", "/%ff", "/a b", "/\xe9"]
)
def test_even_a_rule_for_every_path_allows_only_targets_with_one_meaning(path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1")
    assert judged([(None, ".*")], head) == Reason.REQUEST
    assert judged([(None, None)], head) == Reason.REQUEST


@pytest.mark.parametrize(
    "field",
    [
        b"Transfer-Encoding: chunked", b"Transfer_Encoding: chunked", b"Content_Length: 5", b"Content-Length : 5", b"Content-Length: +5",
        b"Content-Length: 05", b"Content-Length: 5, 5", b"Content-Length:", b"Content-Length: 1234567890123456", b"Upgrade: h2c",
        b"Connection: Host", b"Expect: foo", b" folded: x", b"NoColon", b": empty", b"A B: c", b"X: a\x00b", b"X: a\nb", b"X: a\rb", b"X: \x7f",
        b"X-HTTP-Method-Override: DELETE", b"X-Original-URL: /admin",
    ],
)  # fmt: skip
def test_headers_that_servers_read_differently_are_refused(field: bytes) -> None:
    assert judged([("GET", "/flights")], GET + field + b"\r\n\r\n") == Reason.REQUEST


@pytest.mark.parametrize("again", [b"Host: b", b"Host: a", b"HOST: a"])
def test_a_second_host_is_refused(again: bytes) -> None:
    assert judged([("GET", "/flights")], GET + again + b"\r\n\r\n") == Reason.SECOND_FRAMING


def test_a_second_length_is_refused_even_when_it_is_equal() -> None:
    assert judged([("GET", "/flights")], GET + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n") == Reason.SECOND_FRAMING


def test_a_head_without_host_is_refused() -> None:
    assert judged([("GET", "/flights")], b"GET /flights HTTP/1.1\r\nAccept: */*\r\n\r\n") == Reason.NO_HOST


@pytest.mark.parametrize("line", [b"GET /flights HTTP/1.0\r\n", b"GET /flights HTTP/1.1\n", b"GET  /flights HTTP/1.1\r\n", b"\r\nGET /flights HTTP/1.1\r\n", b"get /flights HTTP/1.1\r\n", b"GET /flights\r\n", b"PRI * HTTP/2.0\r\n"])  # fmt: skip
def test_a_request_line_that_is_not_strict_is_refused(line: bytes) -> None:
    assert judged([("GET", "/flights")], line + b"Host: a\r\n\r\n") == Reason.REQUEST


def test_bytes_of_a_body_are_not_read_as_a_request() -> None:
    body = b"DELETE /bookings/7 HTTP/1.1\r\n\r\n"
    assert judged([("GET", "/flights")], GET + b"Content-Length: %d\r\n\r\n" % len(body) + body + GET + b"\r\n") == Reason.POLICY
    assert judged([("GET", "/flights")], GET + b"Content-Length: %d\r\n\r\n" % (len(body) - 1) + body) == Reason.REQUEST


def test_the_head_limit_counts_every_byte_up_to_the_empty_line() -> None:
    fixed = GET + b"X: \r\n\r\n"
    fill = MAX_HEAD_BYTES - len(fixed)
    for extra, reason in ((0, Reason.POLICY), (1, Reason.TOO_LARGE)):
        head = GET + b"X: " + b"v" * (fill + extra) + b"\r\n\r\n"
        assert judged([("GET", "/flights")], head) == reason
        assert judged([("GET", "/flights")], *(head[start : start + 700] for start in range(0, len(head), 700))) == reason


def test_tables_that_changed_in_the_middle_of_a_head_refuse_it() -> None:
    http_python.install(tables_of([("GET", "/flights")]))
    http_python.judge([GET])
    http_python.install(tables_of([("GET", "/flights"), ("GET", "/x")]))
    assert http_python.continue_with(b"\r\n") == Reason.RULES_CHANGED


def test_a_wrong_pattern_is_reported_at_its_column() -> None:
    with pytest.raises(CompileError) as raised:
        http_tables(http_rules(("GET", "/a(b")), [1])
    diagnostic = raised.value.diagnostics[0]
    assert diagnostic.code == "http-pattern" and diagnostic.hint
    assert str(diagnostic.span).startswith("rules.yaml:1:")


def test_a_rule_set_that_is_too_large_is_refused_not_cut() -> None:
    with pytest.raises(CompileError) as raised:
        http_tables(http_rules(("GET", ".*a.{16}")), [1])
    assert raised.value.diagnostics[0].code == "http-too-large"


def test_equal_rule_sets_have_equal_tables() -> None:
    assert tables_of(RULES).arrays == tables_of(RULES).arrays
