"""What strict HTTP/1.1 requests are and whether rules allow them: plain regular expressions, written from the RFCs.

Independent of the product's grammar and automata; slow and obvious. One request at a time: head, then body by content-length or in chunks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SEGMENT = rb"(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+"
TARGET = re.compile(rb"/(?:(?P<segments>" + SEGMENT + rb"(?:/" + SEGMENT + rb")*)/?)?(?:\?(?P<query>(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*))?")
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
NAMED_VALUE = re.compile(rb"[\t\x20-\x7e]*")
STRICT = {
    b"host": re.compile(rb"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"),
    b"content-length": re.compile(rb"0|[1-9][0-9]{0,14}"),
    b"transfer-encoding": re.compile(rb"(?i:chunked)"),
    b"connection": re.compile(rb"(?i:keep-alive|close|te)(?: *, *(?i:keep-alive|close|te))*"),
    b"expect": re.compile(rb"(?i:100-continue)"),
}
REFUSED = {
    b"upgrade", b"http2-settings", b"proxy-connection", b"keep-alive", b"trailer", b"x-http-method-override",
    b"x-http-method", b"x-method-override", b"x-original-url", b"x-rewrite-url",
}  # fmt: skip
SIZE = re.compile(rb"0|[1-9A-Fa-f][0-9A-Fa-f]{0,7}")
MAX_HEAD, MAX_LINE, MAX_FIELDS = 8192, 2048, 64

# What a rule says of method, path and headers by name: regular expressions; None for any, or for a header that must be there.
Wanted = Mapping[str, str | None]
Rule = tuple[str | None, str | None] | tuple[str | None, str | None, Wanted]


@dataclass(frozen=True)
class Request:
    """A strict request; `fields` are the names, in lower case, and the values without spaces before them; what stands behind them is part of them for some."""

    method: str
    target: str
    fields: tuple[tuple[bytes, bytes], ...]
    length: int  # of all of it, in bytes

    @property
    def is_last(self) -> bool:
        return any(name == b"connection" and b"close" in re.split(rb" *, *", value.lower()) for name, value in self.fields)


def allows(stream: bytes, rules: Sequence[Rule]) -> bool:
    """Whether every request of `stream` is strict, whole and allowed, and nothing is left over."""
    while stream:
        found = first_request(stream)
        if found is None or not is_allowed(found, rules):
            return False
        stream = stream[found.length :]
        if found.is_last:
            return not stream
    return True


def first_request(stream: bytes) -> Request | None:
    """The first request, its body included; None when it is not strict or not whole."""
    end = stream.find(b"\r\n\r\n")
    if end < 0 or end + 4 > MAX_HEAD:
        return None
    line, *lines = stream[:end].split(b"\r\n")
    parts = line.split(b" ")
    if b"\n" in stream[:end].replace(b"\r\n", b"") or b"\r" in stream[:end].replace(b"\r\n", b""):
        return None
    if len(line) + 2 > MAX_LINE or len(parts) != 3 or parts[2] != b"HTTP/1.1" or not re.fullmatch(rb"[A-Z-]{1,16}", parts[0]) or parts[0] in (b"CONNECT", b"PRI"):
        return None
    fields = strict_fields(lines)
    if fields is None or not strict_target(parts[1]):
        return None
    body = body_length(fields, stream[end + 4 :])
    return None if body is None else Request(parts[0].decode(), parts[1].decode(), fields, end + 4 + body)


def is_allowed(request: Request, rules: Sequence[Rule]) -> bool:
    """Whether some rule allows it. A header that any rule names must not be there twice, nor have characters beyond ASCII."""
    named = {name.lower().encode() for rule in rules for name in (rule[2] if len(rule) == 3 else {})}
    for name in named:
        values = [value for each, value in request.fields if each == name]
        if len(values) > 1 or not all(NAMED_VALUE.fullmatch(value) and value == value.strip(b" \t") for value in values):
            return False
    return any(_fits(request, rule) for rule in rules)


def _fits(request: Request, rule: Rule) -> bool:
    method, path = rule[:2]
    if (method is not None and not re.fullmatch(method, request.method)) or (path is not None and not re.fullmatch(path, request.target)):
        return False
    fields = {name: value.decode("latin-1") for name, value in request.fields}
    for name, pattern in (rule[2] if len(rule) == 3 else {}).items():
        value = fields.get(name.lower().encode())
        if value is None or (pattern is not None and not re.fullmatch(pattern, value)):
            return False
    return True


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


def strict_fields(lines: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...] | None:
    """The header lines; None when any of them is not strict, or those that frame the request contradict each other."""
    found: list[tuple[bytes, bytes]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            return None
        lower, folded, bare = name.lower(), name.lower().replace(b"_", b"-"), value.lstrip(b" ")
        if folded in REFUSED or (folded in STRICT and folded != lower):
            return None
        if lower in STRICT and not STRICT[lower].fullmatch(bare):
            return None
        found.append((lower, bare))
    names = [name for name, _ in found]
    once = [names.count(name) for name in (b"host", b"content-length", b"transfer-encoding")]
    if once[0] != 1 or max(once) > 1 or once[1:] == [1, 1] or len(names) > MAX_FIELDS:
        return None
    return tuple(found)


def body_length(fields: Sequence[tuple[bytes, bytes]], behind: bytes) -> int | None:
    """The bytes of the body that stands first in `behind`; None when it is not strict or not whole."""
    values = dict(fields)
    if b"transfer-encoding" in values:
        return chunked_length(behind)
    length = int(values.get(b"content-length", b"0"))
    return length if length <= len(behind) else None


def chunked_length(behind: bytes) -> int | None:
    """The same of a chunked body, its framing included."""
    at = 0
    while True:
        end = behind.find(b"\r\n", at)
        if end < 0 or not SIZE.fullmatch(behind[at:end]):
            return None
        size = int(behind[at:end], 16)
        at = end + 2 + size
        if behind[at : at + 2] != b"\r\n":
            return None
        at += 2
        if size == 0:
            return at
