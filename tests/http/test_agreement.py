"""What the policy lets through means the same to those who serve it: method, target, host, and where each body ends.

A server may refuse what the policy lets through. It must never read another request than the one that was judged, and it must find none
in what was let through before a refusal.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.matching import Chunk
from pybpf.kernel_progs.state import chunks
from tests.support import http_oracle, http_python, http_servers
from tests.support.http_near_strict import near_strict
from tests.support.http_peers import PARSERS, Reading, Seen
from tests.support.rules import tables_of

CASES, SEED = (100_000, time.time_ns()) if "PYBPF_FUZZ" in os.environ else (5_000, 2026)
STEP = 32  # bytes at once towards a refusal, then one by one
ANYTHING: list[http_oracle.Rule] = [(None, None)]


@pytest.fixture(scope="module")
def streams() -> dict[bytes, list[Seen]]:
    """Released streams and what they mean: whole ones that are allowed, and of the others what comes before the refusal."""
    http_python.install(tables_of(ANYTHING))
    released = {}
    for stream in near_strict(SEED, CASES):
        part = stream if http_oracle.allows(stream, ANYTHING) else before_refusal(stream)
        released[part] = meant(part)
    return released


def before_refusal(stream: bytes) -> bytes:
    """The most of `stream` that passes, however it is cut."""
    chunk = chunks.lookup(0)
    assert chunk is not None
    before = Chunk()
    http_python.judge([])
    passed = 0
    for step in (STEP, 1):
        while passed < len(stream):
            before.copy_from(chunk)
            if http_python.continue_with(stream[passed : passed + step]) != Reason.POLICY:
                chunk.copy_from(before)
                break
            passed += step
    return stream[:passed]


def meant(stream: bytes) -> list[Seen]:
    """The requests of what was released, in the oracle's words; the last may have no whole body."""
    found = []
    while stream:
        request = http_oracle.first_request(stream)
        end = stream.find(b"\r\n\r\n") + 4
        if request is None:
            if end >= 4:
                line = stream.split(b"\r\n")[0].decode("latin-1").split(" ")
                found.append(Seen(line[0], line[1], host_of(stream[:end]), b"", False))
            return found
        chunked = (b"transfer-encoding", b"chunked") in [(name, value.lower()) for name, value in request.fields]
        body = stream[end : request.length]
        found.append(Seen(request.method, request.target, host_of(stream[:end]), octets(body) if chunked else body, True))
        stream = stream[request.length :]
    return found


def host_of(head: bytes) -> str:
    """The value of its Host line."""
    return next(line[5:].strip(b" \t").decode() for line in head.split(b"\r\n") if line[:5].lower() == b"host:")


def octets(framed: bytes) -> bytes:
    """The octets of a strict chunked body."""
    size, _, rest = framed.partition(b"\r\n")
    length = int(size, 16)
    return rest[:length] + octets(rest[length + 2 :]) if length else b""


def disagreement(judged: list[Seen], reading: Reading) -> str:
    """What somebody reads otherwise than it was judged; "" if nothing. A refusal, and a body that is not whole, end what is compared."""
    if len(reading.requests) > len(judged):
        return "it reads a request that was not judged"
    for ours, theirs in zip(judged, reading.requests, strict=False):
        if (ours.method, ours.target, ours.host) != (theirs.method, theirs.target, theirs.host):
            return f"it reads {theirs}, judged was {ours}"
        if theirs.is_whole and (not ours.is_whole or ours.body != theirs.body):
            return f"it reads the body {theirs.body!r}, judged was {ours}"
    if not reading.refusal and len(reading.requests) < len(judged):
        return "it reads fewer requests, and does not say why"
    return ""


def test_most_of_what_is_generated_passes_and_much_does_not(streams: dict[bytes, list[Seen]]) -> None:
    whole = sum(all(request.is_whole for request in requests) for requests in streams.values())
    assert whole > CASES // 3
    assert sum(len(requests) for requests in streams.values()) > CASES // 2
    assert sum(http_oracle.allows(stream, ANYTHING) for stream in streams) < CASES * 2 // 3


@pytest.mark.parametrize("name", PARSERS)
def test_parsers_read_what_was_judged(name: str, streams: dict[bytes, list[Seen]]) -> None:
    refused = 0
    for stream, judged in streams.items():
        reading = PARSERS[name](stream)
        assert disagreement(judged, reading) == "", (stream, reading)
        refused += bool(reading.refusal)
    assert refused < len(streams) // 10


@pytest.fixture(scope="module", params=http_servers.SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    with http_servers.SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as path:
        yield path


def test_servers_read_what_was_judged(server: Path, streams: dict[bytes, list[Seen]]) -> None:
    allowed = {stream: judged for stream, judged in streams.items() if http_oracle.allows(stream, ANYTHING)}
    refused = 0
    for stream, judged in allowed.items():
        reading = http_servers.read_by(server, stream, is_last=ends(stream))
        assert disagreement(judged, reading) == "", (stream, reading)
        refused += bool(reading.refusal)
    assert refused < len(allowed) // 10


def ends(stream: bytes) -> bool:
    """Whether the last request of an allowed stream says that none follows."""
    request = None
    while stream:
        request = http_oracle.first_request(stream)
        assert request is not None
        stream = stream[request.length :]
    return request is not None and request.is_last
