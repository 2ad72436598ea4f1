"""Sockets: programs of a socket map, and the filter of one socket. These came before links: nothing but the map or socket holds them."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from pybpf import syscalls
from pybpf.errors import KernelError
from pybpf.kinds import SOCKET_MAP_HOOKS, AttachType, MapType, ProgramType
from pybpf.maps import Map
from pybpf.programs import Program

from .making import expect

_SO_ATTACH_BPF, _SO_DETACH_FILTER = 50, 27  # include/uapi/asm-generic/socket.h
_SOCKET_MAPS = frozenset({MapType.SOCKMAP, MapType.SOCKHASH})


class MapAttachment:
    """A program of a socket map, taken off by close(), at the end of a `with`, or when this object goes.

    A process that is killed does not come to that: the program then stays for as long as the map.
    """

    __slots__ = ("_hook", "_map_fd", "_program_fd")

    def __init__(self, program: Program, socket_map: Map, hook: AttachType) -> None:
        """Attach it. Holds fds of its own, so that program and map may be closed before."""
        self._hook, self._program_fd = hook, -1
        with ExitStack() as owned:
            program_fd, self._map_fd = os.dup(program.fileno()), os.dup(socket_map.fileno())
            owned.callback(os.close, program_fd)
            owned.callback(os.close, self._map_fd)
            syscalls.prog_attach(program_fd, self._map_fd, attach_type=hook)
            self._program_fd = program_fd
            owned.pop_all()

    def close(self) -> None:
        """Take the program off, unless another has its place by now. Closing twice does nothing."""
        program_fd, self._program_fd = self._program_fd, -1
        if program_fd < 0:
            return
        try:
            syscalls.prog_detach(program_fd, self._map_fd, attach_type=self._hook)
        except KernelError as error:
            if error.errno != errno.ENOENT:
                raise
        finally:
            os.close(program_fd)
            os.close(self._map_fd)

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def attach_to_map(program: Program, socket_map: Map, hook: AttachType) -> MapAttachment:
    """`program` (SK_SKB or SK_MSG) for the sockets that enter the map from now on, in place of the one there was. Kernel 4.14.

    Attach first, then add sockets: those already in the map keep what they have.
    """
    expect(program, SOCKET_MAP_HOOKS.values())
    if SOCKET_MAP_HOOKS.get(hook) is not program.type:
        known = ", ".join(each.name for each, kind in SOCKET_MAP_HOOKS.items() if kind is program.type)
        raise ValueError(f"{hook.name} is no hook of a socket map for {program.type.name} programs: use one of {known}")
    if socket_map.type not in _SOCKET_MAPS:
        raise ValueError(f"map {socket_map.name!r} is a {socket_map.type.name}: use a SOCKMAP or SOCKHASH")
    return MapAttachment(program, socket_map, hook)


def attach_socket(program: Program, endpoint: socket.socket) -> None:
    """`program` (SOCKET_FILTER) as the socket's filter: it returns how many bytes of a packet are kept, 0 drops it. Kernel 3.19.

    The socket holds it until it is closed, gets another filter, or detach_socket.
    """
    expect(program, [ProgramType.SOCKET_FILTER])
    try:
        endpoint.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_BPF, program.fileno())
    except OSError as error:
        raise KernelError("SO_ATTACH_BPF", error.errno or 0) from error


def detach_socket(endpoint: socket.socket) -> None:
    """The socket without its filter. Raises KernelError (ENOENT) when it has none."""
    try:
        endpoint.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    except OSError as error:
        raise KernelError("SO_DETACH_FILTER", error.errno or 0) from error
