"""The kernel's HTTP matcher run in Python: feed() in CPython or by the IR interpreter, over the stand-in maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pybpf.compiler import rule_set_module
from pybpf.compiler.ir.run import Machine
from pybpf.compiler.lower.http_tables import HttpTables
from pybpf.kernel_progs import http, http_arrays
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.matching import CHUNK_BYTES, Chunk
from pybpf.kernel_progs.state import chunks


def install(tables: HttpTables) -> None:
    """Put a rule set's tables into the arrays that feed() reads."""
    for name, content in tables.arrays.items():
        getattr(http_arrays, name).fill(content)


Feed = Callable[[Chunk], int]


def interpreted(tables: HttpTables) -> Feed:
    """feed() of the program specialised for `tables`, run by the IR interpreter."""
    machine = Machine(rule_set_module(tables))

    def feed(chunk: Chunk) -> int:
        result = machine.call("feed", chunk)
        assert isinstance(result, int)
        return result

    return feed


def judge(pieces: Sequence[bytes], feed: Feed = http.feed) -> Reason:
    """What feed() says of a stream that arrives in these pieces: POLICY, or the first reason to refuse."""
    chunk = chunks.lookup(0)
    assert chunk is not None
    chunk.copy_from(Chunk())
    chunk.matcher.fresh = 1
    for piece in pieces:
        for start in range(0, len(piece), CHUNK_BYTES):
            part = piece[start : start + CHUNK_BYTES]
            chunk.octets.fill(part)
            chunk.length = len(part)
            reason = feed(chunk)
            if reason != Reason.POLICY:
                return Reason(reason)
    return Reason.POLICY


def is_between_requests() -> bool:
    """Whether the last stream judged ended where a request may start, its last body complete."""
    chunk = chunks.lookup(0)
    assert chunk is not None
    return chunk.matcher.fresh == 1 and chunk.matcher.opaque_left == 0


def continue_with(piece: bytes) -> Reason:
    """What feed() says of more bytes of the stream judged last."""
    chunk = chunks.lookup(0)
    assert chunk is not None
    chunk.octets.fill(piece)
    chunk.length = len(piece)
    return Reason(http.feed(chunk))


def rule() -> int:
    """The number of the rule that let the last request through."""
    chunk = chunks.lookup(0)
    assert chunk is not None
    return int(chunk.matcher.rule)
