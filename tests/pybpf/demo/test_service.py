from __future__ import annotations

import pytest

from pybpf.demo.service import route


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/flights", 200),
        ("GET", "/flights/123", 200),
        ("GET", "/flights?from=WAW", 200),
        ("POST", "/flights", 201),
        ("GET", "/bookings", 200),
        ("DELETE", "/bookings/7", 204),
        ("DELETE", "/flights", 404),
        ("GET", "/", 404),
        ("GET", "/flights/1/2", 404),
        ("GET", "/flightsx", 404),
    ],
)
def test_every_request_has_one_answer(method: str, target: str, status: int) -> None:
    assert route(method, target)[0] == status
