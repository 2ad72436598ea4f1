"""Numbered datagrams from some sockets to others, until it is stopped: what arrived says what was let through when."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Hashable, Mapping
from typing import Final, Generic, Self, TypeVar

K = TypeVar("K", bound=Hashable)
_SO_RCVBUFFORCE: Final = 33  # include/uapi/asm-generic/socket.h
_TOLD: Final = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES)
_AT_ONCE: Final = 8  # rounds between two looks at what arrived


class Flood(Generic[K]):
    """Every sender, by the key of its receiver, sends each number once. The sockets belong to this object from now on."""

    def __init__(self, senders: Mapping[K, socket.socket], receivers: Mapping[K, socket.socket]) -> None:
        self._senders, self._receivers = dict(senders), dict(receivers)
        self.sent = 0
        self.arrived: dict[K, list[int]] = {key: [] for key in receivers}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            content = self.sent.to_bytes(8, "big")
            for each in self._senders.values():
                _send(each, content)
            self.sent += 1
            if self.sent % _AT_ONCE == 0:
                self._drain()
                time.sleep(0.001)

    def _drain(self) -> None:
        for key, each in self._receivers.items():
            try:
                while True:
                    self.arrived[key].append(int.from_bytes(each.recv(8), "big"))
            except BlockingIOError:
                continue

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        time.sleep(0.05)
        self._drain()
        for each in (*self._senders.values(), *self._receivers.values()):
            each.close()


def _send(sender: socket.socket, content: bytes) -> None:
    """Send it, though ICMP errors about earlier ones are told instead, any number of them."""
    while True:
        try:
            sender.send(content)
        except OSError as error:
            if error.errno not in _TOLD:
                raise
        else:
            return


def sender(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    """A socket whose datagrams go there."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.connect((address, port))
    return made


def receiver(family: socket.AddressFamily, port: int) -> socket.socket:
    """A socket that holds very many datagrams and waits for none."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 24)
    if family is socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind(("", port))
    made.setblocking(False)
    return made
