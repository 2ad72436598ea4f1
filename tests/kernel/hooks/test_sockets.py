"""Programs of socket maps and the filter of a socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from pybpf import maps
from pybpf.errors import KernelError
from pybpf.hooks import attach_socket, attach_to_map, detach_socket
from pybpf.kinds import SOCKET_MAP_HOOKS, AttachType, MapType, ProgramType
from pybpf.maps import Map
from pybpf.spec import MapSpec
from tests.support.tiny_programs import counter, returning

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
DROP, PASS = 0, 1
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def socket_map() -> Iterator[Map]:
    """A map for one socket."""
    with maps.create(MapSpec("sockets", MapType.SOCKMAP, 4, 4, 1)) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A TCP connection with itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        other, _ = listener.accept()
        with other:
            yield one, other


def add(socket_map: Map, member: socket.socket) -> None:
    """Put a socket into the map."""
    socket_map.update(bytes(4), struct.pack("=I", member.fileno()))


def arrives(sender: socket.socket, receiver: socket.socket) -> bool:
    """Whether what one sends reaches the other."""
    receiver.settimeout(0.3)
    try:
        sender.send(b"hello")
        return receiver.recv(16) == b"hello"
    except (TimeoutError, PermissionError):
        return False


@pytest.mark.parametrize("hook", [AttachType.SK_SKB_VERDICT, AttachType.SK_MSG_VERDICT], ids=lambda hook: hook.name)
def test_a_verdict_program_decides_for_the_sockets_of_its_map(socket_map: Map, pair: Pair, hook: AttachType) -> None:
    sender, receiver = pair
    member = sender if hook is AttachType.SK_MSG_VERDICT else receiver
    with returning(SOCKET_MAP_HOOKS[hook], DROP, hook) as program, attach_to_map(program, socket_map, hook):
        add(socket_map, member)
        assert not arrives(sender, receiver)


def test_a_parser_and_a_stream_verdict_stand_side_by_side(socket_map: Map) -> None:
    parser, verdict = AttachType.SK_SKB_STREAM_PARSER, AttachType.SK_SKB_STREAM_VERDICT
    with (
        returning(ProgramType.SK_SKB, 0, parser) as first,
        returning(ProgramType.SK_SKB, PASS, verdict) as second,
        attach_to_map(first, socket_map, parser),
        attach_to_map(second, socket_map, verdict),
    ):
        pass


@pytest.mark.parametrize("hook", SOCKET_MAP_HOOKS, ids=lambda hook: hook.name)
def test_after_closing_the_program_is_off_its_map(socket_map: Map, pair: Pair, hook: AttachType) -> None:
    sender, receiver = pair
    with returning(SOCKET_MAP_HOOKS[hook], DROP, hook) as program:
        attachment = attach_to_map(program, socket_map, hook)
        attachment.close()
        attachment.close()
    add(socket_map, receiver)
    assert arrives(sender, receiver)


def test_closing_leaves_alone_what_has_taken_the_place(socket_map: Map, pair: Pair) -> None:
    sender, receiver = pair
    hook = AttachType.SK_SKB_VERDICT
    with returning(ProgramType.SK_SKB, PASS, hook) as first, returning(ProgramType.SK_SKB, DROP, hook) as second:
        earlier = attach_to_map(first, socket_map, hook)
        with attach_to_map(second, socket_map, hook):
            earlier.close()
            add(socket_map, receiver)
            assert not arrives(sender, receiver)


def test_only_socket_maps_take_such_programs(socket_map: Map) -> None:
    hook = AttachType.SK_SKB_VERDICT
    with returning(ProgramType.SK_SKB, PASS, hook) as program, counter() as other:
        with pytest.raises(ValueError, match="SOCKMAP or SOCKHASH"):
            attach_to_map(program, other, hook)
        with pytest.raises(ValueError, match="SK_SKB_STREAM_PARSER, SK_SKB_STREAM_VERDICT, SK_SKB_VERDICT"):
            attach_to_map(program, socket_map, AttachType.SK_MSG_VERDICT)
        with pytest.raises(ValueError, match="NONE is no hook"):
            attach_to_map(program, socket_map, AttachType.NONE)


def test_a_filter_keeps_as_many_bytes_as_it_returns() -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver, returning(ProgramType.SOCKET_FILTER, 3) as program:
        attach_socket(program, receiver)
        sender.send(b"hello")
        assert receiver.recv(16) == b"hel"
        detach_socket(receiver)
        sender.send(b"hello")
        assert receiver.recv(16) == b"hello"


def test_a_socket_without_a_filter_has_none_to_lose() -> None:
    with socket.socket() as plain, pytest.raises(KernelError) as caught:
        detach_socket(plain)
    assert (caught.value.command, caught.value.errno_name) == ("SO_DETACH_FILTER", "ENOENT")


def test_other_programs_are_no_filters() -> None:
    with socket.socket() as plain, returning(ProgramType.XDP, 2) as program, pytest.raises(ValueError, match="use attach_xdp"):
        attach_socket(program, plain)
