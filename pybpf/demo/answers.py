"""Received bytes -> the HTTP/1.1 response they begin with (RFC 9112, sections 4 and 6).

Only what a client of this demo may meet: a response is framed by Content-Length, or has a status without content.
Anything else is an error, for a client that guesses could take half an answer for a whole one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) [^\r\n]*")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*")
_WITHOUT_CONTENT: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response. `length_bytes` is how many of the received bytes it took."""

    status: int
    body: bytes
    closes: bool
    length_bytes: int


def parse(received: bytes) -> Response | None:
    """The first response in `received`, None while it is incomplete. Raises ValueError for what is no such response."""
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(first)
    if status_line is None:
        raise ValueError(f"no status line: {first!r}")
    status, fields = int(status_line[1]), _fields(lines)
    length = _content_length(status, fields)
    if len(rest) < length:
        return None
    return Response(status, rest[:length], fields.get(b"connection", b"").lower() == b"close", len(head) + len(end) + length)


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    """Field values by name in lower case."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ValueError(f"no header field: {line!r}")
        if match[1].lower() in fields:
            raise ValueError(f"header field given twice: {line!r}")
        fields[match[1].lower()] = match[2]
    return fields


def _content_length(status: int, fields: dict[bytes, bytes]) -> int:
    """How many bytes of content follow the head."""
    if status in _WITHOUT_CONTENT:
        return 0
    value = fields.get(b"content-length", b"")
    if status < 200 or not value.isdigit() or b"transfer-encoding" in fields:
        raise ValueError(f"status {status} with content-length {value!r}: not a framing this client reads")
    return int(value)
