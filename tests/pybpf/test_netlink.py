"""Netlink: attributes as bytes, and questions anybody may ask."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.errors import KernelError
from pybpf.netlink import LINK_GROUP, Channel, Command, attribute, attributes, text_attribute, text_of

ANY_INTERFACE = struct.pack("=BxHiII", 0, 0, 0, 0, 0)


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=40)))
def test_attributes_come_back_as_they_were_written(written: dict[int, bytes]) -> None:
    data = b"".join(attribute(kind, payload) for kind, payload in written.items())
    assert len(data) % 4 == 0
    assert attributes(data) == written


@given(st.text(st.characters(min_codepoint=1, max_codepoint=0xD7FF), max_size=20))
def test_text_ends_with_a_zero_that_is_not_part_of_it(text: str) -> None:
    (payload,) = attributes(text_attribute(7, text)).values()
    assert payload.endswith(b"\0") and text_of(payload) == text


def test_the_nested_bit_is_not_part_of_an_attribute_s_kind() -> None:
    assert attributes(attribute(0x8000 | 5, b"abcd")) == {5: b"abcd"}


@pytest.mark.parametrize("length", [0, 3, 9, 0xFFFF])
def test_an_attribute_with_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(KernelError) as caught:
        attributes(struct.pack("=HHI", length, 1, 0))
    assert caught.value.errno_name == "EBADMSG"


@given(st.binary(max_size=60))
def test_any_bytes_are_attributes_or_refused(data: bytes) -> None:
    try:
        attributes(data)
    except KernelError as error:
        assert error.errno == errno.EBADMSG


def test_every_interface_is_listed_once() -> None:
    with Channel() as channel:
        listed = channel.list_all(Command.GETLINK, ANY_INTERFACE)
    indexes = [struct.unpack_from("=BxHi", message.body)[2] for message in listed]
    assert sorted(indexes) == sorted(index for index, _ in socket.if_nameindex())


def test_a_refusal_is_a_kernel_error_with_the_command_s_name() -> None:
    with Channel() as channel:
        for _ in range(2):  # the channel is good for more questions afterwards
            with pytest.raises(KernelError) as caught:
                channel.ask(Command.GETLINK, struct.pack("=BxHiII", 0, 0, 0x7FFFFFFF, 0, 0))
            assert (caught.value.command, caught.value.errno_name) == ("RTM_GETLINK", "ENODEV")


def test_the_kernel_s_own_words_are_the_detail() -> None:
    with Channel() as channel, pytest.raises(KernelError) as caught:
        channel.ask(Command.GETNSID, bytes(4))
    assert "netns" in caught.value.detail.lower()


def test_receiving_without_waiting_says_that_nothing_was_told() -> None:
    with Channel(LINK_GROUP) as channel, pytest.raises(KernelError) as caught:
        while True:
            channel.receive(socket.MSG_DONTWAIT)
    assert caught.value.errno == errno.EAGAIN


def test_what_another_process_writes_is_not_taken_for_the_kernel_s() -> None:
    """A socket of the test's own stands in for it; the kernel lets only root write to other sockets."""
    with Channel(LINK_GROUP) as channel, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as stranger:
        with socket.socket(fileno=os.dup(channel.fileno())) as listening:
            number, _ = listening.getsockname()
        forged = struct.pack("=IHHII", 32, Command.DELLINK, 0, 0, 0) + ANY_INTERFACE
        try:
            stranger.sendto(forged, (number, 0))
        except OSError:
            pytest.skip("this process may not write to other netlink sockets")
        with pytest.raises(KernelError) as caught:
            while True:
                assert all(message.kind != Command.DELLINK for message in channel.receive(socket.MSG_DONTWAIT))
    assert caught.value.errno == errno.EAGAIN
