from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.demo.answers import Response, parse

DENIED = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 15\r\nconnection: close\r\n\r\nAccess denied\r\n"


def test_a_whole_response_is_read() -> None:
    assert parse(DENIED) == Response(403, b"Access denied\r\n", True, len(DENIED))


@pytest.mark.parametrize("length", range(len(DENIED)))
def test_a_part_of_a_response_is_not_taken_for_one(length: int) -> None:
    assert parse(DENIED[:length]) is None


@given(st.binary(max_size=20))
def test_what_follows_a_response_is_left_alone(extra: bytes) -> None:
    assert parse(DENIED + extra) == parse(DENIED)


def test_a_response_without_content_needs_no_length() -> None:
    assert parse(b"HTTP/1.1 204 No Content\r\n\r\n") == Response(204, b"", False, 27)


@pytest.mark.parametrize(
    "received",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_a_response_that_could_be_read_in_two_ways_is_an_error(received: bytes) -> None:
    with pytest.raises(ValueError, match=r"status|header"):
        parse(received)
