"""HTTP/1.1 replies: where each begins and ends, by the same automaton with tables of its own (compiler/lower/http_replies.py).

What is known of replies says where a 403 of ours may stand, what was said to a request, and whether the opener may go on in another
protocol. A server's replies are not judged: what is not understood is merely no longer followed.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import function, u8, u32
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.http_heads import begin_chunk, begin_head
from pybpf.kernel_progs.matching import FOREVER, Chunk, Matcher, Seen

SWITCHING: Final = 101
FINAL: Final = 200  # below it another head answers the same request (RFC 9110 section 15.2)
NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304
MOST_OUTSTANDING: Final = 64  # requests whose methods are known


@function
def add_status_digit(matcher: Matcher, octet: u8) -> None:
    """A digit of the status; the grammar has three."""
    matcher.status = (matcher.status * 10 + (octet & 15)) & 0xFFFF


@function
def end_reply(chunk: Chunk) -> u32:
    """A reply's head is complete: POLICY (0), with what follows it set up; REQUEST when it is not known what does (RFC 9112 section 6.3)."""
    matcher = chunk.matcher
    status = matcher.status
    if status < FINAL and status != SWITCHING:
        return begin_head(chunk)
    outstanding: u32 = (chunk.sent - matcher.requests) & 0xFFFFFFFF
    if outstanding == 0 or outstanding > MOST_OUTSTANDING:
        return Reason.REQUEST
    is_bodiless = ((chunk.bodiless >> (matcher.requests & 63)) & 1) != 0 or status == NO_CONTENT or status == NOT_MODIFIED
    matcher.requests = (matcher.requests + 1) & 0xFFFFFFFF
    if matcher.requests == chunk.asked:
        chunk.status = status
    if status == SWITCHING:
        matcher.opaque_left = FOREVER
    elif not is_bodiless:
        if (matcher.seen & Seen.CHUNKED) != 0:
            if (matcher.seen & Seen.LENGTH) != 0:
                return Reason.REQUEST
            matcher.in_chunks = 1
            begin_chunk(matcher)
            return Reason.POLICY
        matcher.opaque_left = matcher.length if (matcher.seen & Seen.LENGTH) != 0 else FOREVER
    return begin_head(chunk)
