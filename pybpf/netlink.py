"""Netlink's routing family: questions about interfaces and traffic control, the kernel's answers, and what it tells unasked.

One question is one message, to which all that follows up to its acknowledgement or its end is the answer. Numbers are the machine's,
save where a field says otherwise. Sources: netlink(7), rtnetlink(7), include/uapi/linux/netlink.h and rtnetlink.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Final, Self

from .errors import KernelError


class Command(IntEnum):
    """What a message asks for or tells (RTM_*). A link is what netlink calls an interface."""

    NEWLINK = 16
    DELLINK = 17
    GETLINK = 18
    NEWQDISC = 36
    DELQDISC = 37
    GETQDISC = 38
    NEWTFILTER = 44
    DELTFILTER = 45
    GETTFILTER = 46
    NEWNSID = 88
    GETNSID = 90


# what a question that makes something does when that is there, or is not (NLM_F_*)
REPLACE: Final = 0x100
EXCLUSIVE: Final = 0x200
CREATE: Final = 0x400

LINK_GROUP: Final = 1  # RTMGRP_LINK: every change of an interface

_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_INTERRUPTED = 0x10  # NLM_F_DUMP_INTR: the table changed while it was read
_EXPLAINED = 0x200  # NLM_F_ACK_TLVS
_ERROR, _DONE = 2, 3  # NLMSG_*
_MESSAGE = 1  # NLMSGERR_ATTR_MSG
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_KIND_BITS = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_DATAGRAM_BYTES = 1 << 18  # the kernel's own are of 32 KiB at most
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the kernel. `body` is what follows the header: a fixed part that `kind` decides, then attributes."""

    kind: int
    flags: int
    sequence: int
    body: bytes


class Channel:
    """A netlink socket in the network namespace that the calling thread is in now; it stays in that one. Close it, or use `with`.

    With `groups` the kernel also tells it of changes unasked (receive); such a channel is not for questions.
    """

    __slots__ = ("_sequence", "_socket")

    def __init__(self, groups: int = 0) -> None:
        self._sequence = 0
        with _refusals("socket"):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
            self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
            self._socket.bind((0, groups))

    def fileno(self) -> int:
        """The socket's fd, still owned by this object: readable when the kernel has told something."""
        return self._socket.fileno()

    def ask(self, command: Command, body: bytes, flags: int = 0) -> list[Message]:
        """Have `command` done; what the kernel says besides that it was. Raises KernelError with the kernel's own words."""
        answers, _ = self._exchange(command, body, _ACK | flags)
        return answers

    def list_all(self, command: Command, body: bytes) -> list[Message]:
        """All that `command` (one that gets) has to list, as it was at one moment. Raises KernelError."""
        for _ in range(_ATTEMPTS):
            answers, interrupted = self._exchange(command, body, _DUMP)
            if not interrupted:
                return answers
        raise KernelError(f"RTM_{command.name}", errno.EAGAIN, "the table changes faster than it can be read")

    def receive(self, flags: int = 0) -> list[Message]:
        """The messages of the next datagram; `flags` as in recv(2). Raises KernelError: ENOBUFS when some were lost, EAGAIN with MSG_DONTWAIT."""
        while True:
            with _refusals("recvmsg"):
                data, _, found, (sender, _) = self._socket.recvmsg(_DATAGRAM_BYTES, 0, flags)
            if found & socket.MSG_TRUNC:
                raise KernelError("recvmsg", errno.EMSGSIZE, f"a datagram of netlink has more than {_DATAGRAM_BYTES} bytes")
            if sender == 0:  # any process may write to a netlink socket; the kernel is number 0
                return list(_messages(data))

    def close(self) -> None:
        """Close the socket. Closing twice does nothing."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _exchange(self, command: Command, body: bytes, flags: int) -> tuple[list[Message], bool]:
        """The answers, and whether what they list changed meanwhile."""
        self._sequence += 1
        question = _HEADER.pack(_HEADER.size + len(body), command, _REQUEST | flags, self._sequence, 0) + body
        with _refusals(f"RTM_{command.name}"):
            self._socket.send(question)
        answers: list[Message] = []
        interrupted = False
        while True:
            for message in self.receive():
                if message.sequence != self._sequence:
                    continue
                interrupted |= bool(message.flags & _INTERRUPTED)
                if message.kind in (_ERROR, _DONE):
                    _check_end(command, message)
                    return answers, interrupted
                answers.append(message)


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, with the padding behind it."""
    return _padded(_ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), kind) + payload)


def text_attribute(kind: int, text: str) -> bytes:
    """An attribute that is a string, which ends with a zero byte."""
    return attribute(kind, text.encode() + b"\0")


def attributes(data: bytes) -> dict[int, bytes]:
    """kind -> payload of the attributes that `data` consists of. Raises KernelError (EBADMSG) when a length is wrong."""
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if not _ATTRIBUTE.size <= length <= len(data):
            raise KernelError("recvmsg", errno.EBADMSG, "an attribute of netlink has a wrong length")
        found[kind & _KIND_BITS] = data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]
    return found


def text_of(payload: bytes) -> str:
    """A string attribute's text; bytes that are no UTF-8 as os.fsdecode has them."""
    return os.fsdecode(payload.rstrip(b"\0"))


def _messages(data: bytes) -> Iterator[Message]:
    while len(data) >= _HEADER.size:
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            raise KernelError("recvmsg", errno.EBADMSG, "a message of netlink has a wrong length")
        yield Message(kind, flags, sequence, data[_HEADER.size : length])
        data = data[_aligned(length) :]


def _check_end(command: Command, message: Message) -> None:
    """Raise KernelError when the message, an error or an end, bears a number below 0."""
    code = struct.unpack_from("=i", message.body)[0] if len(message.body) >= 4 else 0
    if code < 0:
        explained = message.flags & _EXPLAINED
        # an error repeats the header of the question before its attributes
        words = attributes(message.body[4 + _HEADER.size * (message.kind == _ERROR) :]) if explained else {}
        raise KernelError(f"RTM_{command.name}", -code, text_of(words.get(_MESSAGE, b"")))


@contextmanager
def _refusals(call: str) -> Iterator[None]:
    try:
        yield
    except KernelError:
        raise
    except OSError as error:
        raise KernelError(call, error.errno or 0) from error


def _padded(data: bytes) -> bytes:
    return data + bytes(_aligned(len(data)) - len(data))


def _aligned(length: int) -> int:
    return (length + 3) & ~3
