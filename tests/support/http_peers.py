"""How other implementations of HTTP/1.1 read a stream of requests: parsers that run in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h11
import httptools
from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.http.errors import NoMoreData, ParseException


@dataclass
class Seen:
    """A request as somebody reads it. `body` is what has come of it; `is_whole`: its end has been seen."""

    method: str
    target: str
    host: str
    body: bytes = b""
    is_whole: bool = False


@dataclass
class Reading:
    """All that somebody reads in a stream; `refusal` is why it goes on no further, "" where the stream is merely at its end."""

    requests: list[Seen] = field(default_factory=list)
    refusal: str = ""


def read_by_h11(stream: bytes) -> Reading:
    """h11, which uvicorn and hypercorn serve with."""
    reading = Reading()
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(stream)
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                host = next((value for name, value in event.headers if name == b"host"), b"")
                reading.requests.append(Seen(event.method.decode(), event.target.decode(), host.decode("latin-1")))
            elif isinstance(event, h11.Data):
                reading.requests[-1].body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                reading.requests[-1].is_whole = True
                if str(connection.their_state) == "MIGHT_SWITCH_PROTOCOL":
                    reading.refusal = "another protocol"
                    return reading
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE:
                    return reading
                connection.start_next_cycle()
            else:
                return reading
    except h11.RemoteProtocolError as error:
        reading.refusal = str(error)
    return reading


class _Collector:
    """What httptools calls back."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.parser: Any = None
        self.target = self.host = b""

    def on_message_begin(self) -> None:
        self.target = self.host = b""

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"host" and not self.host:
            self.host = value

    def on_headers_complete(self) -> None:
        method = self.parser.get_method().decode()
        self.reading.requests.append(Seen(method, self.target.decode("latin-1"), self.host.decode("latin-1")))

    def on_body(self, part: bytes) -> None:
        self.reading.requests[-1].body += part

    def on_message_complete(self) -> None:
        self.reading.requests[-1].is_whole = True


def read_by_llhttp(stream: bytes) -> Reading:
    """llhttp, by httptools: the parser of Node, uvicorn and aiohttp."""
    reading = Reading()
    collector = _Collector(reading)
    collector.parser = httptools.HttpRequestParser(collector)
    try:
        collector.parser.feed_data(stream)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        reading.refusal = repr(error)
    return reading


_CONFIG = Config()


def read_by_gunicorn(stream: bytes) -> Reading:
    """gunicorn's own parser."""
    reading = Reading()
    try:
        for request in RequestParser(_CONFIG, iter([stream]), ("127.0.0.1", 1)):
            host = next((value for name, value in request.headers if name == "HOST"), "")
            reading.requests.append(Seen(request.method, request.uri, host))
            length = next((int(value) for name, value in request.headers if name == "CONTENT-LENGTH"), None)
            reading.requests[-1].body = request.body.read()
            reading.requests[-1].is_whole = length is None or length == len(reading.requests[-1].body)
    except (StopIteration, NoMoreData):
        pass
    except (ParseException, OSError) as error:
        reading.refusal = repr(error)
    return reading


PARSERS: dict[str, Callable[[bytes], Reading]] = {"h11": read_by_h11, "llhttp": read_by_llhttp, "gunicorn": read_by_gunicorn}
