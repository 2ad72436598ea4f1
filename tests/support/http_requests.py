"""Generated request streams: strict ones, near misses, and damage, each with the places where it is cut."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

METHODS = ["GET", "POST", "DELETE", "PUT", "get", "GE", "GETS", "PURGE", "CONNECT", "CONNECTS", "PRI", "PR"]
PATHS = [
    "/flights", "/flights/", "/flights/12", "/flights/x", "/flight", "/flightsx", "/flights?from=WAW", "/", "/bookings/7", "//flights",
    "/./flights", "/flights/..", "/fl%69ghts", "/flights/%2e%2e", "/caf%C3%A9", "/a;b", "/flights#x", "*", "http://h/flights", "/a%00", "/...",
]  # fmt: skip
FIELDS = [
    "User-Agent: curl/7.88.1", "Accept: */*", "X-Request-Id: 8f14e45fceea167a", "Cookie: a=b; c=d", "Host: other", "Content-Length: 0",
    "Content-Length: 5", "content-length: 3", "Content-Length: 03", "Content_Length: 3", "Transfer-Encoding: chunked", "Connection: close",
    "Connection: keep-alive, TE", "Connection: Host", "Expect: 100-continue", "Expect: x", "Upgrade: h2c", "Hosts: a", "Ho: b", "Hos", ": x",
    "X A: b", " folded", "X-HTTP-Method-Override: GET", "Contents: 1", "Conn: x", "X-Latin: caf\xe9", "X-Tab:\ta\tb", "X-Long: " + "v" * 70, "T: ",
    "Transfer-Encoding:  Chunked ", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding:\tchunked", "Connection: keep-alive , CLOSE",
    "X-Tenant: red", "x-tenant: blue ", "X-Tenant:", "X-Tenant: r\xe9d", "X-Token:  a b ", "X-Tenant: redder", "X-Tok: 1", "Host : x",
]  # fmt: skip
HOSTS = ["flights-service", "a.b:80", "[::1]:8080", "a..b", "a.", "", "a b", "h:123456"]
CHUNKED = "Transfer-Encoding: chunked"
FRAMING = [
    ("Content-Length: 5", "12345"), (CHUNKED, "0\r\n\r\n"), (CHUNKED, "5\r\nab\r\nc\r\n00a\r\n"), (CHUNKED, "B\r\n0123456789a\r\n1\r\nx\r\n0\r\n\r\n"),
    (CHUNKED, "a\r\n0123456789\r\n0\r\n\r\n"), (CHUNKED, "5;x=y\r\n12345\r\n0\r\n\r\n"), (CHUNKED, "5\r\n12345\r\n0\r\nX: y\r\n\r\n"), (CHUNKED, "1f\r\n"),
    (CHUNKED, "000000001\r\nx\r\n0\r\n\r\n"), (CHUNKED, "3 \r\nabc\r\n0\r\n\r\n"), (CHUNKED, "2\nab\r\n0\r\n\r\n"), (CHUNKED, "\r\n0\r\n\r\n"),
]  # fmt: skip
DAMAGE = [b"\x00", b"\n", b"\r", b"\x7f", b"\x1f", b" ", b":", b"\xff", b"a", b"\r\n"]


@dataclass(frozen=True, slots=True)
class Case:
    """A stream and how it is cut into pieces; `stream` is all of them together."""

    pieces: tuple[bytes, ...]

    @property
    def stream(self) -> bytes:
        return b"".join(self.pieces)


def cases(seed: int, count: int) -> Iterator[Case]:
    """`count` cases, the same ones for the same seed."""
    source = random.Random(seed)
    for _ in range(count):
        stream = b"".join(request(source) for _ in range(source.choice((1, 1, 1, 2, 3))))
        if source.random() < 0.25:
            stream = damaged(source, stream)
        yield Case(tuple(cut(source, stream)))


def request(source: random.Random) -> bytes:
    """One request; most are strict and allowed, so that what follows them is reached."""
    good = source.random() < 0.6
    line = "GET /flights HTTP/1.1" if good else f"{source.choice(METHODS)} {source.choice(PATHS)} {source.choice(['HTTP/1.1'] * 6 + ['HTTP/1.0', 'http/1.1'])}"
    fields = [f"Host: {HOSTS[0] if good or source.random() < 0.7 else source.choice(HOSTS)}"] if source.random() < 0.95 else []
    fields += [source.choice(FIELDS[:4] if good else FIELDS) for _ in range(source.randrange(4))]
    framing = source.choice([*FRAMING, None, None, None, None])
    fields += [framing[0]] if framing is not None else []
    source.shuffle(fields)
    body = framing[1] if framing is not None and source.random() < 0.9 else ""
    return ("\r\n".join([line, *fields, "", ""]) + body).encode("latin-1")


def damaged(source: random.Random, stream: bytes) -> bytes:
    """One byte replaced, put in, or taken out."""
    at = source.randrange(len(stream))
    return stream[:at] + source.choice([*DAMAGE, b""]) + stream[at + source.randrange(2) :]


def cut(source: random.Random, stream: bytes) -> list[bytes]:
    """Into one piece, a few, or single bytes."""
    way = source.random()
    if way < 0.5 or len(stream) < 2:
        return [stream]
    if way < 0.9:
        places = sorted(source.sample(range(1, len(stream)), min(len(stream) - 1, source.randrange(1, 4))))
        return [stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True)]
    return [bytes([byte]) for byte in stream]
