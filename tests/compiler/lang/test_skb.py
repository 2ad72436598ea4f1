"""The stand-in of a packet."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.lang import Array, Count, Skb, Struct, be16, be32, checksum_add, repeat, u8


class Head(Struct, packed=True):
    """Six bytes."""

    kind: be16
    number: be32


class Line(Struct):
    """Room for 24 bytes."""

    octets: Annotated[Array[u8], Count(24)]


PACKET = bytes(range(16))


def test_a_header_is_a_view_or_none() -> None:
    packet = Skb(PACKET)
    head = packet.header(Head, 10)
    assert head is not None and (head.kind, head.number) == (0x0A0B, 0x0C0D0E0F)
    head.kind = 0xFFFF
    assert packet.octets[10:12] == b"\xff\xff"
    assert packet.header(Head, 11) is None


def test_load_copies_or_zeroes() -> None:
    head = Head.of(kind=7)
    assert Skb(PACKET).load(0, head) and head.kind == 1
    assert not Skb(PACKET).load(11, head)
    assert bytes(head) == bytes(6)


def test_load_bytes_takes_lengths_up_to_a_power_of_two() -> None:
    line = Line()
    assert Skb(PACKET).load_bytes(2, line.octets, 3)
    assert bytes(line.octets)[:4] == b"\x02\x03\x04\x00"
    for length in (0, 17):
        with pytest.raises(AssertionError):
            Skb(PACKET).load_bytes(0, line.octets, length)


def test_store_and_change_tail() -> None:
    packet = Skb(PACKET)
    assert packet.store(14, b"ab") and not packet.store(15, b"ab")
    assert packet.change_tail(18) and bytes(packet.octets) == PACKET[:14] + b"ab\0\0"
    assert packet.change_tail(14) and packet.length == 14 and not packet.change_tail(13)


def test_a_clone_is_a_copy_of_the_packet_as_it_is() -> None:
    packet = Skb(PACKET)
    packet.clone_redirect(5, 1)
    packet.store(0, b"x")
    assert packet.clones == [(PACKET, 5, 1)]


@given(words=st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=8).filter(any), place=st.integers(1, 3), new=st.integers(0, 0xFFFF))
def test_a_replaced_field_leaves_the_checksum_right(words: list[int], place: int, new: int) -> None:
    def folded(numbers: list[int]) -> int:
        total = sum(numbers)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return total

    words[0] = 0
    words[0] = ~folded(words) & 0xFFFF
    packet = Skb(b"".join(word.to_bytes(2, "little") for word in words))
    packet.replace_l4_checksum(0, words[place], new, 2)
    words[0], words[place] = int.from_bytes(packet.octets[:2], "little"), new
    assert folded(words) in (0, 0xFFFF)


def test_checksum_add_sums_words_with_carry() -> None:
    line = Line()
    line.octets.fill(b"\xff\xff\xff\xff\x02\0\0\0")
    assert checksum_add(line, 1) == 3


def test_repeat_stops_when_it_is_told_to() -> None:
    seen: list[int] = []

    def body(number: int) -> bool:
        seen.append(number)
        return number == 2

    repeat(10, body)
    repeat(2, lambda number: bool(seen.append(number + 10)))  # type: ignore[func-returns-value]
    assert seen == [0, 1, 2, 10, 11]
