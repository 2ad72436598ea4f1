"""What a strict HTTP/1.1 request is and whether rules allow it: plain regular expressions, written from the RFCs.

Independent of the product's grammar and automata; slow and obvious. One head at a time, framing by content-length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SEGMENT = rb"(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+"
TARGET = re.compile(rb"/(?:(?P<segments>" + SEGMENT + rb"(?:/" + SEGMENT + rb")*)/?)?(?:\?(?P<query>(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*))?")
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
HOST = re.compile(rb"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
LENGTH = re.compile(rb"0|[1-9][0-9]{0,14}")
CONNECTION = re.compile(rb"(?i:keep-alive|close|te)(?:[ \t]*,[ \t]*(?i:keep-alive|close|te))*")
REFUSED = {
    b"transfer-encoding", b"upgrade", b"http2-settings", b"proxy-connection", b"keep-alive", b"trailer", b"x-http-method-override",
    b"x-http-method", b"x-method-override", b"x-original-url", b"x-rewrite-url",
}  # fmt: skip
NAMED = {b"host", b"content-length", b"connection", b"expect"}
MAX_HEAD = 8192

Rule = tuple[str | None, str | None]


def allows(stream: bytes, rules: Sequence[Rule]) -> bool:
    """Whether every complete request of `stream` is strict and allowed, and nothing is left over."""
    while stream:
        length = head_length(stream, rules)
        if length is None:
            return False
        stream = stream[length:]
    return True


def head_length(stream: bytes, rules: Sequence[Rule]) -> int | None:
    """The bytes of the first request, body included; None when it is not strict, not allowed or not whole."""
    end = stream.find(b"\r\n\r\n")
    if end < 0 or end + 4 > MAX_HEAD:
        return None
    line, *fields = stream[:end].split(b"\r\n")
    if b"\n" in stream[:end].replace(b"\r\n", b"") or b"\r" in stream[:end].replace(b"\r\n", b""):
        return None
    if not line_allowed(line, rules):
        return None
    body = body_length(fields)
    return None if body is None or end + 4 + body > len(stream) else end + 4 + body


def line_allowed(line: bytes, rules: Sequence[Rule]) -> bool:
    """A strict request line that a rule matches."""
    parts = line.split(b" ")
    if len(parts) != 3 or parts[2] != b"HTTP/1.1" or not re.fullmatch(rb"[A-Z-]{1,16}", parts[0]):
        return False
    if not strict_target(parts[1]):
        return False
    method, target = parts[0].decode(), parts[1].decode()
    return any(
        (one is None or re.fullmatch(one, method) is not None) and (two is None or re.fullmatch(two, target) is not None)
        for one, two in rules
    )


def strict_target(target: bytes) -> bool:
    """Origin form with one meaning only."""
    found = TARGET.fullmatch(target)
    if found is None:
        return False
    for segment in (found["segments"] or b"").split(b"/"):
        if segment in (b".", b".."):
            return False
        for escape in re.findall(rb"%([0-9A-Fa-f]{2})", segment):
            byte = int(escape, 16)
            if byte < 0x20 or byte in (0x7F, 0xC0, 0xC1) or byte >= 0xF5 or chr(byte) in "%/\\;":
                return False
            if re.fullmatch(rb"[A-Za-z0-9\-._~]", bytes([byte])):
                return False
    return True


def body_length(fields: Sequence[bytes]) -> int | None:
    """The framing that header lines say; None when any of them is not strict."""
    seen: dict[bytes, bytes] = {}
    for field in fields:
        name, colon, value = field.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            return None
        lower, folded, bare = name.lower(), name.lower().replace(b"_", b"-"), value.strip(b" \t")
        if folded in REFUSED or (folded in NAMED and folded != lower):
            return None
        if lower in (b"host", b"content-length") and lower in seen:
            return None
        seen[lower] = bare
        strict = {b"host": HOST, b"content-length": LENGTH, b"connection": CONNECTION, b"expect": re.compile(rb"(?i)100-continue")}
        if lower in strict and not strict[lower].fullmatch(bare):
            return None
    return int(seen.get(b"content-length", b"0")) if b"host" in seen else None
