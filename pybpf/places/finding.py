"""An endpoint of the inventory -> its place on this host.

An endpoint's network namespace is looked at from outside only: what counts is the veths of this namespace whose other ends lie in
it. An interface that leads out of it some other way (a macvlan, a veth into a third namespace) is not seen here.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pybpf import syscalls
from pybpf.compiler.policy.model.inventory import Endpoint
from pybpf.errors import KernelError
from pybpf.netlink import Channel

from .devices import VETH, Device, devices, named, namespace_number
from .place import Place, PlaceError

NAMES: Final = Path("/run/netns")  # ip-netns(8)
_OWN: Final = Path("/proc/thread-self/ns/net")
_NSFS_MAGIC = 0x6E736673  # include/uapi/linux/magic.h
_NS_GET_NSTYPE, _CLONE_NEWNET = 0xB703, 0x40000000  # include/uapi/linux/nsfs.h, sched.h


def find(endpoint: Endpoint) -> Place | None:
    """Where the endpoint is now; None when its interface or namespace is not there (yet), or the inventory does not say where it is.

    With an interface, that one of the calling thread's network namespace; with a namespace, the one veth that leads into it; with
    both, the interface, which must be such a veth. A namespace is a name in /run/netns or an absolute path; a name may come to mean
    another namespace, and a process's path another process, which is why a place is found anew rather than remembered.

    Raises PlaceError when that is not exactly one interface, and KernelError when the kernel does not let us look.
    """
    if endpoint.network_namespace is not None:
        return _by_namespace(endpoint, endpoint.network_namespace)
    if endpoint.interface is not None:
        with Channel() as channel:
            device = named(channel, endpoint.interface)
            return device.place if device else None
    return None


def is_there(place: Place) -> bool:
    """Whether the interface is in the calling thread's network namespace and still has that number and name."""
    try:
        return socket.if_indextoname(place.interface_index) == place.interface
    except OSError:
        return False


def own_namespace() -> tuple[int, int]:
    """The calling thread's network namespace, by device and inode number: the same for all who are in it, for as long as it lives."""
    found = _OWN.stat()
    return found.st_dev, found.st_ino


def _by_namespace(endpoint: Endpoint, written: str) -> Place | None:
    with _opened(endpoint, _path(endpoint, written)) as namespace:
        if namespace is None:
            return None
        with Channel() as channel:
            veths = [device for device in devices(channel) if device.kind == VETH]
            chosen = named(channel, endpoint.interface) if endpoint.interface is not None else None
            number = namespace_number(channel, namespace)  # last: what was listed before has given it one
    leading = [device for device in veths if _leads(device, number)]
    if endpoint.interface is None:
        return _only(endpoint, leading)
    return _checked(endpoint, chosen, number, leading)


def _leads(device: Device, number: int | None) -> bool:
    return device.kind == VETH and number is not None and device.other_namespace == number


def _checked(endpoint: Endpoint, chosen: Device | None, number: int | None, leading: list[Device]) -> Place | None:
    """The interface that the inventory names, if it leads into the namespace of that number."""
    if chosen is None:
        return None
    if _leads(chosen, number):
        return chosen.place
    if chosen.kind == VETH and chosen.other_namespace is None:
        return None  # its other end was not moved into the namespace yet
    raise _error(
        endpoint,
        f"interface {chosen.place.interface} does not lead into network namespace {endpoint.network_namespace}",
        f"veths that do: {_listed(leading)}" if leading else "no veth of this namespace does: check both, or leave one out",
    )


def _only(endpoint: Endpoint, leading: list[Device]) -> Place | None:
    if len(leading) > 1:
        message = f"{len(leading)} interfaces lead into network namespace {endpoint.network_namespace}: {_listed(leading)}"
        raise _error(endpoint, message, "name the one that policy is enforced at: interface: NAME")
    return leading[0].place if leading else None


def _path(endpoint: Endpoint, written: str) -> Path:
    if "/" not in written and written not in (".", ".."):
        return NAMES / written
    if written.startswith("/"):
        return Path(written)
    raise _error(endpoint, f"{written!r} is neither the name of a network namespace nor an absolute path", f"write a name in {NAMES}, or a path from /")


@contextmanager
def _opened(endpoint: Endpoint, path: Path) -> Iterator[int | None]:
    """An fd of the network namespace at `path`, which lives as long as that; None when there is none (yet)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, ProcessLookupError):
        yield None
        return
    except OSError as error:
        raise KernelError("open", error.errno or 0, str(path)) from error
    try:
        yield fd if _is_namespace(endpoint, path, fd) else None
    finally:
        os.close(fd)


def _is_namespace(endpoint: Endpoint, path: Path, fd: int) -> bool:
    """Whether the fd is of a network namespace, False for an empty file, onto which one is mounted by who made the name.

    Raises PlaceError when it is of something else, or of this namespace, where the host's ends are.
    """
    if syscalls.filesystem_type(f"/proc/self/fd/{fd}") != _NSFS_MAGIC:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode) and found.st_size == 0:
            return False
        raise _error(endpoint, f"{path} is no network namespace", "give /run/netns/NAME or /proc/PID/ns/net")
    if fcntl.ioctl(fd, _NS_GET_NSTYPE) != _CLONE_NEWNET:
        raise _error(endpoint, f"{path} is a namespace of another type", "give one of type net: /run/netns/NAME or /proc/PID/ns/net")
    if os.path.samestat(os.fstat(fd), _OWN.stat()):
        raise _error(endpoint, f"{path} is the network namespace of the host's own interfaces", "give the namespace of the endpoint, or its interface")
    return True


def _listed(found: list[Device]) -> str:
    return ", ".join(sorted(device.place.interface for device in found))


def _error(endpoint: Endpoint, message: str, hint: str) -> PlaceError:
    return PlaceError(f"{endpoint.namespace}/{endpoint.name}", message, hint)
