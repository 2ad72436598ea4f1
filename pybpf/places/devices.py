"""The interfaces of a network namespace, as netlink lists them (rtnetlink(7), include/uapi/linux/if_link.h)."""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from typing import Final

from pybpf.errors import KernelError
from pybpf.netlink import Channel, Command, attribute, attributes, text_attribute, text_of

from .place import Place

VETH: Final = "veth"

_INTERFACE = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_IFLA_IFNAME, _IFLA_LINK, _IFLA_LINKINFO, _IFLA_EXT_MASK, _IFLA_LINK_NETNSID = 3, 5, 18, 29, 37
_INFO_KIND = 1
_SKIP_STATISTICS = 1 << 3  # RTEXT_FILTER_SKIP_STATS
_NETNSA_NSID, _NETNSA_FD = 1, 3
_NOT_ASSIGNED = -1


@dataclass(frozen=True, slots=True)
class Device:
    """An interface. `kind` as in `ip link add type KIND`, "" for hardware and the loopback.

    `other_end` is the number of the interface that this one is bound to (for a veth the other end) in the namespace that has the
    number `other_namespace` here; None for this very namespace.
    """

    place: Place
    kind: str
    other_end: int | None
    other_namespace: int | None


def devices(channel: Channel) -> list[Device]:
    """All interfaces of the channel's namespace. Raises KernelError."""
    question = _INTERFACE.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, struct.pack("=I", _SKIP_STATISTICS))
    listed = (device_of(message.body) for message in channel.list_all(Command.GETLINK, question))
    return [device for device in listed if device is not None]


def named(channel: Channel, name: str) -> Device | None:
    """The interface of that name, which may be an alternative one of it; None when there is none. Raises KernelError."""
    question = _INTERFACE.pack(0, 0, 0, 0, 0) + text_attribute(_IFLA_IFNAME, name)
    try:
        answers = channel.ask(Command.GETLINK, question)
    except KernelError as error:
        if error.errno == errno.ENODEV:
            return None
        raise
    return next((device for message in answers if (device := device_of(message.body)) is not None), None)


def device_of(body: bytes) -> Device | None:
    """The interface that a message is about; None when it is not about the interface itself but its part in a bridge or the like."""
    family, _, index, _, _ = _INTERFACE.unpack_from(body)
    if family:
        return None
    found = attributes(body[_INTERFACE.size :])
    information = attributes(found.get(_IFLA_LINKINFO, b""))
    return Device(
        Place(text_of(found.get(_IFLA_IFNAME, b"")), index),
        text_of(information.get(_INFO_KIND, b"")),
        _number(found.get(_IFLA_LINK)),
        _number(found.get(_IFLA_LINK_NETNSID)),
    )


def namespace_number(channel: Channel, namespace: int) -> int | None:
    """The number that the network namespace behind the fd has in the channel's: it is nobody else's as long as the fd is open.

    None while it has none. Listing an interface gives a number to the namespace of its other end, so list first. Raises KernelError.
    """
    body = struct.pack("=B3x", 0) + attribute(_NETNSA_FD, struct.pack("=I", namespace))
    for message in channel.ask(Command.GETNSID, body):
        number = _number(attributes(message.body[4:]).get(_NETNSA_NSID))
        return None if number == _NOT_ASSIGNED else number
    return None


def _number(payload: bytes | None) -> int | None:
    return None if payload is None else int(struct.unpack("=i", payload)[0])
