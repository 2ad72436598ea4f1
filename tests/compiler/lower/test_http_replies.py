"""Replies begin and end where RFC 9112 section 6.3 says, wherever they are cut; what is not understood is not followed any more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pybpf.compiler.lower.http_replies import reply_tables
from pybpf.kernel_progs import http
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.matching import CHUNK_BYTES, FOREVER, Chunk
from pybpf.kernel_progs.state import chunks
from tests.support import http_python

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n\r\nok"


@dataclass(frozen=True, slots=True)
class Read:
    """How replies were read: final heads seen, the status of the last of them, whether the next byte begins a reply; None when lost."""

    answers: int
    status: int
    is_between: bool


def read(pieces: Sequence[bytes], *, sent: int = 1, bodiless: int = 0) -> Read | None:
    """By the matcher, of a connection on which so many requests were sent."""
    http_python.install(reply_tables())
    chunk = chunks.lookup(0)
    assert chunk is not None
    chunk.copy_from(Chunk())
    chunk.matcher.fresh, chunk.sent, chunk.asked, chunk.bodiless = 1, sent, sent, bodiless
    for piece in pieces:
        for start in range(0, len(piece), CHUNK_BYTES):
            part = piece[start : start + CHUNK_BYTES]
            chunk.octets.fill(part)
            chunk.length = len(part)
            if http.feed(chunk) != Reason.POLICY:
                return None
    matcher = chunk.matcher
    return Read(matcher.requests, chunk.status, bool(matcher.fresh) and matcher.opaque_left == 0)


@pytest.mark.parametrize(
    "stream, expected",
    [
        (OK, Read(1, 200, True)),
        (OK[:-1], Read(1, 200, False)),
        (OK[:-3], Read(0, 0, False)),
        (b"HTTP/1.1 403 \r\ncontent-length:0\r\n\r\n", Read(1, 403, True)),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Read(0, 0, True)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, Read(1, 200, True)),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Read(1, 204, True)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Read(1, 304, True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", Read(1, 200, True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r", Read(1, 200, False)),
        (b"HTTP/1.0 200 OK\r\n\r\neverything", Read(1, 200, False)),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00", Read(1, 101, False)),
        (b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n" + OK, None),  # one more than was asked for
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", None),
        (b"HTTP/2 200\r\n\r\n", None),
        (b"SSH-2.0-x\r\n", None),
    ],
)  # fmt: skip
def test_a_stream_of_replies_is_read(stream: bytes, expected: Read | None) -> None:
    assert read([stream]) == expected
    assert read([bytes([octet]) for octet in stream]) == expected


def test_the_reply_to_head_has_no_body() -> None:
    stream = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + OK
    assert read([stream], sent=2, bodiless=1) == Read(2, 200, True)
    assert read([stream], sent=2, bodiless=2) == Read(1, 0, False)


def test_a_body_up_to_the_end_hides_what_stands_in_it() -> None:
    assert read([b"HTTP/1.1 200 OK\r\n\r\n" + OK], sent=2) == Read(1, 0, False)
    chunk = chunks.lookup(0)
    assert chunk is not None and chunk.matcher.opaque_left == FOREVER - len(OK)


BODIES = [b"", b"x", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"0\r\n\r\n", b"y" * 3000]


def reply(source: random.Random, is_bodiless: bool) -> bytes:
    """One reply, perhaps with some before it that are not final."""
    body = source.choice(BODIES)
    fields = ["Server: nginx", "Date: Tue, 24 Nov 2026 09:00:00 GMT", "X-Any: \xe9\t:", "connection: keep-alive", "Content-Type: a/b"]
    head = [source.choice(["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 500", "HTTP/1.0 200 "]), *source.sample(fields, source.randrange(4))]
    framed = body
    if source.random() < 0.5:
        head.append(f"Content-Length: {len(body)}")
    else:
        head.append("transfer-encoding: chunked")
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:1], body[1:]) if part) + b"0\r\n\r\n"
    early = b"HTTP/1.1 100 Continue\r\n\r\n" * source.choice((0, 0, 0, 1, 2))
    return early + "\r\n".join([*head, "", ""]).encode("latin-1") + (b"" if is_bodiless else framed)


@pytest.mark.parametrize("seed", range(40))
def test_generated_replies_end_where_they_end_however_they_are_cut(seed: int) -> None:
    source = random.Random(seed)
    bodiless = source.getrandbits(6)
    replies = [reply(source, bool(bodiless >> number & 1)) for number in range(source.randrange(1, 6))]
    stream = b"".join(replies)
    places = sorted(source.sample(range(len(stream)), min(len(stream), source.randrange(1, 9))))
    pieces = [stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True)]
    found = read(pieces, sent=len(replies), bodiless=bodiless)
    assert found is not None and found.is_between and found.answers == len(replies)
    short = read([stream[:-1]], sent=len(replies), bodiless=bodiless)
    assert short is not None and not short.is_between
