"""Generated request streams near the border of the strict grammar: most within it, many one change beyond; bodies that look like requests."""

from __future__ import annotations

import random
from collections.abc import Iterator

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE", "TRACE", "M-SEARCH", "PROPFIND", "CONNECT", "PRI", "X"]
UNRESERVED = "abcxyzABCXYZ0189-._~"
OTHERS = "!$&'()*+,=:@"
ESCAPES = ["%C3%A9", "%20", "%22", "%3F", "%23", "%26", "%3d", "%E2%82%AC", "%80", "%ff", "%2f", "%2e", "%5c", "%00", "%25", "%61", "%c0%ae", "%zz"]
HOSTS = ["a", "flights-service", "a.b:80", "[::1]:8080", "A.B.C", "a_b", "127.0.0.1:1", "[fd00::7]", "a:", "a.", "a..b", "a,b", "a@b", "a/b", ""]
NAMES = ["User-Agent", "Accept", "X-A", "X_A", "Cookie", "Content-Type", "X-Content-Length", "Content-Lengt", "Content-Lengths", "Hos", "Hosts", "TE", "!#$%&'*+.^`|~", "A"]
VALUES = ["", "a", "a b", "\ta\t", "*/*", "a;b=c, d", '"q\\"', "caf\xe9", "\xff\xfe", "chunked", "5", "GET / HTTP/1.1", ":", "a:b", "x" * 60]
FRAMING_FIELDS = [
    "Content-Length: 0", "Content-Length: 5", "Content-Length: 05", "Content-Length: +5", "Content-Length: 5, 5", "content-length:5 ", "Content-Length: 5\t",
    "Content-Length: 99999999999999999999", "Content-Length : 5", "Content_Length: 5", "Content-Length:", "Transfer-Encoding: chunked", "Transfer-Encoding: Chunked",
    "Transfer-Encoding:chunked ", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked",
    "Transfer-Encoding: identity", "Transfer_Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\x0bchunked", 'Transfer-Encoding: "chunked"',
    "Connection: close", "Connection: keep-alive", "Connection: TE, close", "Connection: upgrade", "Connection: Content-Length", "Upgrade: websocket", "Upgrade: h2c",
    "Expect: 100-continue", "Expect: 100-Continue", "Expect: 200-ok", "Host: b", "X-HTTP-Method-Override: DELETE", "X-Original-URL: /admin", " folded: x", "\tfolded",
    "no colon", ": empty name", "Keep-Alive: 5", "Trailer: X", "Proxy-Connection: keep-alive", "HTTP2-Settings: AAA",
]  # fmt: skip
INSERTED = [b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x00", b"\x0b", b"\x85", b"\xa0", b";", b",", b":", b"0", b"HTTP/1.1", b"#", b"?", b"//", b"/../", b"\\", b"\x7f"]
INNER = b"GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n"


def near_strict(seed: int, count: int) -> Iterator[bytes]:
    """`count` streams of one to three requests, the same ones for the same seed."""
    source = random.Random(seed)
    for _ in range(count):
        stream = b"".join(request(source, source.random() < 0.8) for _ in range(source.choice((1, 1, 2, 3))))
        for _ in range(source.choice((0, 0, 0, 1, 2))):
            stream = changed(source, stream)
        yield stream


def request(source: random.Random, strict: bool) -> bytes:
    """One request: strict, or with something of what is nearly so."""
    fields = [f"{source.choice(NAMES)}:{source.choice(['', ' ', '  '])}{source.choice(VALUES)}" for _ in range(source.randrange(4))]
    fields.append(f"{source.choice(['Host', 'host', 'HOST'])}: {source.choice(HOSTS[:8] if strict else HOSTS)}")
    body = b""
    framing = source.random()
    if framing < 0.3:
        body = content(source)
        fields.append(f"{source.choice(['Content-Length', 'content-length'])}: {len(body)}")
    elif framing < 0.6:
        body = chunked(source, strict)
        fields.append("Transfer-Encoding: chunked")
    if not strict:
        fields += [source.choice(FRAMING_FIELDS) for _ in range(source.choice((0, 1, 2)))]
    source.shuffle(fields)
    method = source.choice(METHODS[:6] if source.random() < 0.7 else METHODS)
    return "\r\n".join([f"{method} {target(source, strict)} HTTP/1.1", *fields, "", ""]).encode("latin-1") + body


def target(source: random.Random, strict: bool) -> str:
    """Of segments that may be in one, and a query."""
    escapes = ESCAPES[:10] if strict else ESCAPES
    path = "".join("/" + segment(source, escapes) for _ in range(source.randrange(1, 4)))
    query = "".join(source.choice([*UNRESERVED, *OTHERS, "/", "?", *ESCAPES[:10]]) for _ in range(source.randrange(6)))
    return path + ("?" + query if source.random() < 0.3 else "")


def segment(source: random.Random, escapes: list[str]) -> str:
    """At least one character that cannot be misread."""
    return source.choice("abc019") + "".join(source.choice([*UNRESERVED, *OTHERS, *escapes]) for _ in range(source.randrange(5)))


def content(source: random.Random) -> bytes:
    """Octets of a body, some of which would be a request if they stood where one may."""
    return source.choice([b"", b"x", b"12345", INNER, b"0\r\n\r\n" + INNER, b"\r\n\r\n", source.randbytes(20)])


def chunked(source: random.Random, strict: bool) -> bytes:
    """A chunked body; unless strict, perhaps with what nobody should read in the same way."""
    parts = [content(source) or b"y" for _ in range(source.randrange(3))]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    if strict or source.random() < 0.5:
        return body + b"0\r\n\r\n"
    return body + source.choice([b"0\r\nX: y\r\n\r\n", b"00\r\n\r\n", b"0;a=b\r\n\r\n", b"0\n\n", b"0 \r\n\r\n", b"0x5\r\n12345\r\n0\r\n\r\n", b"-1\r\n\r\n", b"0\r\n", b"g\r\n"])


def changed(source: random.Random, stream: bytes) -> bytes:
    """A few bytes taken out, put in, or doubled; rather where something ends."""
    marks = [at for at in range(len(stream)) if stream[at] in b"\r\n :/"]
    at = source.choice(marks) if marks and source.random() < 0.7 else source.randrange(len(stream) + 1)
    way = source.randrange(4)
    if way == 0:
        return stream[:at] + stream[at + source.choice((1, 1, 2)) :]
    if way == 1:
        return stream[:at] + stream[max(at - source.randrange(1, 30), 0) : at] + stream[at:]
    if way == 2:
        return stream[:at] + bytes([source.randrange(256)]) + stream[at + 1 :]
    return stream[:at] + source.choice(INSERTED) + stream[at:]


