"""The matcher by itself: a head from the packet, through `feed`, from the beginning each time. In a module of its own, for its object is
specialised for a rule set."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, Skb, function, program, u32, wrap
from pybpf.kernel_progs.http import feed
from pybpf.kernel_progs.matching import CHUNK_BYTES, Chunk, Matcher
from pybpf.kernel_progs.state import chunks

HEAD_OFFSET: Final = 54  # Ethernet, IPv4 and TCP without options


@program("tc")
def match_head(packet: Skb) -> int:
    """UNSPEC when the packet's payload, judged as the beginning of a connection, may pass."""
    chunk = chunks.lookup(0)
    if chunk is None:
        return Action.SHOT
    return match_payload(packet, chunk)


@function
def match_payload(packet: Skb, chunk: Chunk) -> int:
    """The same."""
    length: u32 = wrap(u32, packet.length - HEAD_OFFSET)
    if length == 0 or length > CHUNK_BYTES or not packet.load_bytes(HEAD_OFFSET, chunk.octets, length):
        return Action.SHOT
    fresh = Matcher()
    fresh.fresh = 1
    chunk.matcher.copy_from(fresh)
    chunk.length = length
    if feed(chunk) == 0:
        return wrap(u32, Action.UNSPEC)
    return Action.SHOT
