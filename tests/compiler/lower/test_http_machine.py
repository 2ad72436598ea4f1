"""The HTTP automaton accepts exactly the strict requests that a rule allows, wherever they are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pybpf.compiler.diag import CompileError
from pybpf.compiler.lower.http_tables import http_tables
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.matching import MAX_HEAD_BYTES
from tests.support import http_oracle, http_python
from tests.support.http_requests import cases
from tests.support.rules import http_rules, tables_of

RULES: list[http_oracle.Rule] = [
    ("GET", "/flights"), ("POST|PUT", "/bookings/[0-9]+"), (None, "/open(/.*)?"), ("GET", "/caf.*"),
    ("POST", "/flights", {"X-Tenant": "red|blue"}), (None, "/bookings/7", {"X-Token": None, "X-Tenant": "r.*"}), ("GET", "/", {"host": "a[.]b:80"}),
]  # fmt: skip
GET = b"GET /flights HTTP/1.1\r\nHost: a\r\n"


def judged(rules: Sequence[http_oracle.Rule], *pieces: bytes) -> Reason:
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
        b"Transfer-Encoding: gzip, chunked", b"Transfer_Encoding: chunked", b"Content_Length: 5", b"Content-Length : 5", b"Content-Length: +5",
        b"Content-Length: 05", b"Content-Length: 5, 5", b"Content-Length:", b"Content-Length: 1234567890123456", b"Upgrade: h2c",
        b"Connection: Host", b"Expect: foo", b" folded: x", b"NoColon", b": empty", b"A B: c", b"X: a\x00b", b"X: a\nb", b"X: a\rb", b"X: \x7f",
        b"X-HTTP-Method-Override: DELETE", b"X-Original-URL: /admin",
    ],
)  # fmt: skip
def test_headers_that_servers_read_differently_are_refused(field: bytes) -> None:
    assert judged([("GET", "/flights")], GET + field + b"\r\n\r\n") == Reason.REQUEST


@pytest.mark.parametrize("again", [b"Host: b", b"Host: a", b"HOST: a"])
def test_a_second_host_is_refused(again: bytes) -> None:
    assert judged([("GET", "/flights")], GET + again + b"\r\n\r\n") == Reason.REPEATED


def test_a_second_length_is_refused_even_when_it_is_equal() -> None:
    assert judged([("GET", "/flights")], GET + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n") == Reason.REPEATED


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


CHUNKED = b"POST /flights HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
TENANTS: list[http_oracle.Rule] = [("GET", "/flights", {"X-Tenant": "red"}), ("GET", "/flights", {"X-Token": None, "host": "a"})]


@pytest.mark.parametrize("size", [b"0" * 2, b"01", b"123456789", b"5;x", b"5 ", b" 5", b"0x5", b"+5", b"", b"g"])
def test_sizes_of_chunks_are_plain(size: bytes) -> None:
    assert judged([("POST", "/flights")], CHUNKED + size + b"\r\n") == Reason.REQUEST


@pytest.mark.parametrize("behind", [b"5\r\nabcdef\r\n", b"5\r\nabcde\n", b"0\r\nX: y\r\n\r\n", b"0\r\n\n", b"1\nx", b"0\r\n\r\n\r\n"])
def test_what_frames_chunks_is_exact(behind: bytes) -> None:
    assert judged([("POST", "/flights")], CHUNKED + behind) == Reason.REQUEST


def test_no_request_has_two_ways_of_framing() -> None:
    for first, second in ((b"Content-Length: 0", b"Transfer-Encoding: chunked"), (b"Transfer-Encoding: chunked", b"Content-Length: 5")):
        assert judged([("GET", "/flights")], GET + first + b"\r\n" + second + b"\r\n\r\n") == Reason.REPEATED
    twice = b"Transfer-Encoding: chunked\r\n" * 2
    assert judged([("GET", "/flights")], GET + twice + b"\r\n") == Reason.REPEATED


def test_a_chunked_body_goes_on_when_the_rules_change_and_the_next_request_meets_the_new_ones() -> None:
    for cut in range(1, len(b"1a\r\n01234567890123456789abcdef\r\n0\r\n\r\n")):
        body = b"1a\r\n01234567890123456789abcdef\r\n0\r\n\r\n"
        http_python.install(tables_of([("POST", "/flights")]))
        assert http_python.judge([CHUNKED + body[:cut]]) == Reason.POLICY
        http_python.install(tables_of([("GET", "/other/[0-9]+"), ("PUT", ".*")]))
        assert http_python.continue_with(body[cut:]) == Reason.POLICY
        assert http_python.is_between_requests()
        assert http_python.continue_with(CHUNKED[:30]) == Reason.REQUEST


def test_tables_that_were_never_filled_refuse_everything() -> None:
    tables = tables_of([("GET", "/flights")])
    http_python.install(replace(tables, arrays={name: bytes(len(content)) for name, content in tables.arrays.items()}))
    assert http_python.judge([GET]) == Reason.NOT_LOADED


def test_nothing_follows_a_request_that_said_it_was_the_last() -> None:
    last = GET + b"Connection: TE, close\r\nContent-Length: 3\r\n\r\nabc"
    assert judged([("GET", "/flights")], last) == Reason.POLICY
    assert judged([("GET", "/flights")], last + GET) == Reason.AFTER_CLOSE
    assert judged([("GET", "/flights")], last, b"G") == Reason.AFTER_CLOSE


def test_a_rule_is_met_by_its_headers_and_its_host() -> None:
    assert judged(TENANTS, GET + b"x-tenant:  red\r\n\r\n") == Reason.POLICY
    assert judged(TENANTS, GET + b"x-tenant: red \r\n\r\n") == Reason.REQUEST
    assert judged(TENANTS, GET + b"x-tenant: \tred\r\n\r\n") == Reason.REQUEST  # both are part of the value for some
    assert judged(TENANTS, GET + b"X-Tenant: blue\r\nX-TOKEN: 1\r\n\r\n") == Reason.POLICY
    for field in (b"", b"X-Tenant: blue\r\n", b"X-Tenant: reds\r\n", b"X-Tenant:\r\n", b"X-Tenants: red\r\n", b"X_Tenant: red\r\n"):
        assert judged(TENANTS, GET + field + b"\r\n") == Reason.REQUEST, field
    assert judged(TENANTS, b"GET /flights HTTP/1.1\r\nHost: b\r\nX-Token: 1\r\n\r\n") == Reason.REQUEST
    assert judged(TENANTS, GET + b"X-Tenant: red\r\nX-Tenant: red\r\n\r\n") == Reason.REPEATED


def test_the_event_names_the_first_rule_that_is_met() -> None:
    for fields, rule in ((b"X-Tenant: red\r\nX-Token: 1\r\n", 1), (b"X-Token: 1\r\n", 2)):
        judged(TENANTS, GET + fields + b"\r\n")
        assert http_python.rule() == rule


def test_the_number_of_header_lines_is_limited() -> None:
    assert judged([("GET", "/flights")], GET + b"A: b\r\n" * 63 + b"\r\n") == Reason.POLICY
    assert judged([("GET", "/flights")], GET + b"A: b\r\n" * 64 + b"\r\n") == Reason.TOO_LARGE
    assert judged([("GET", "/flights")], GET + b"A_: b\r\n" * 64 + b"\r\n") == Reason.TOO_LARGE


def test_the_length_of_a_request_line_is_limited() -> None:
    for length, reason in ((2048, Reason.POLICY), (2049, Reason.TOO_LARGE)):
        line = b"GET /" + b"a" * (length - len(b"GET / HTTP/1.1\r\n")) + b" HTTP/1.1\r\n"
        assert judged([("GET", ".*")], line + b"Host: a\r\n\r\n") == reason


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection", "Upgrade", "X-Original-URL", "", "a b"])
def test_rules_about_headers_that_cannot_be_looked_at_are_refused(name: str) -> None:
    with pytest.raises(CompileError) as raised:
        tables_of([("GET", "/", {name: "x"})])
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code.startswith("http-header-") and diagnostic.hint


def test_too_many_conditions_are_refused() -> None:
    with pytest.raises(CompileError) as raised:
        tables_of([("GET", "/", {f"X-{'a' * number}": "x"}) for number in range(33)])
    assert raised.value.diagnostics[0].code == "http-too-large"
    with pytest.raises(CompileError) as raised:
        tables_of([("GET", "/", {f"X-{first}": None, f"X-{second}": None}) for first in range(12) for second in range(first)])
    assert raised.value.diagnostics[0].code == "http-too-large"


HOSTS = [
    "a", "a.b", ".a", "a.", "a..b", ".", "..", "", "-", "a-.b", "a_b", "10.0.0.1", "a:1", "a:", "a:12345", "a:123456", "a.:80", "a:8 0", "a b", "a/b", "a@b",
    "abcdefg.", "abcdefgh", "abcdefg..h", "abcdefgh.", "abcdefgh.i", "abcdefgh..i", "abcdefgh.i..", "a.b.c.d.e.f.g.h", "a.b.c.d.e.f.g.h.", "[::1]", "a\xe9",
    "a:80x", "a:8\x00", "abcdefghijklmnopqrstuvwxyz.abcdefghijklm", "abcdefghijklmnopqrstuvwxyz.abcdefghijklmno.com", "A.Z:09", "a:/", "a::1", "a:1:2", "\t a",
    "a ", "a:1 ", "a/", "a:", "x" * 39, "x" * 40, "x" * 41, "x" * 39 + ".", "x" * 40 + ".", "x" * 38 + "..", "x" * 39 + "..", "a@", "`a", "{a", "[a", "0/9", "a:0:",
]  # fmt: skip


def test_a_host_is_the_same_in_one_go_and_byte_by_byte() -> None:
    http_python.install(tables_of([("GET", "/flights")]))
    for host in HOSTS:
        for begin, end in (("Host: ", "\r\n\r\n"), ("Host: ", "\n\r\n"), ("Host:", "\r\n\r\n"), ("Host: ", "\r\nHost: a\r\n\r\n"), ("Hosts: ", "\r\n\r\n")):
            stream = f"GET /flights HTTP/1.1\r\n{begin}{host}{end}".encode("latin-1")
            whole = http_python.judge([stream])
            assert whole == http_python.judge([bytes([byte]) for byte in stream]), stream
            assert (whole == Reason.POLICY and http_python.is_between_requests()) == http_oracle.allows(stream, [("GET", "/flights")]), stream
        for cut in range(1, len(host) + 10):
            stream = f"GET /flights HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1")
            assert http_python.judge([stream[: 22 + cut], stream[22 + cut :]]) == http_python.judge([stream]), (stream, cut)
