"""A site for gunicorn (WSGI: `wsgi`) and uvicorn (ASGI: `asgi`): GET /open/N gives N bytes, POST /open/upload tells how many came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


def wsgi(environ: Message, start_response: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
    """As PEP 3333 says."""
    count = 0
    while part := environ["wsgi.input"].read(65536):
        count += len(part)
    body = str(count).encode() if environ["REQUEST_METHOD"] == "POST" else b"x" * _wanted(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


async def asgi(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    """As ASGI 3 says; replies have no length and come in chunks."""
    if scope["type"] != "http":
        return
    count, more = 0, True
    while more:
        message = await receive()
        count += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(count).encode() if scope["method"] == "POST" else b"x" * _wanted(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for start in range(0, len(body), 100_000):
        await send({"type": "http.response.body", "body": body[start : start + 100_000], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _wanted(path: str) -> int:
    return int(path.rpartition("/")[2])
