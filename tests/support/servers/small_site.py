"""A site for gunicorn (WSGI: `wsgi`) and uvicorn (ASGI: `asgi`): GET /open/N gives N bytes, POST /open/upload tells how many came."""


def wsgi(environ, start_response):
    """As PEP 3333 says."""
    count = 0
    while part := environ["wsgi.input"].read(65536):
        count += len(part)
    body = str(count).encode() if environ["REQUEST_METHOD"] == "POST" else b"x" * _wanted(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


async def asgi(scope, receive, send):
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


def _wanted(path):
    return int(path.rpartition("/")[2])
