"""Sets of bytes, and the classes of bytes that a family of sets cannot tell apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.automata import (
    ANY_BYTE,
    DIGIT,
    NO_BYTE,
    ByteSet,
    byte_classes,
    byte_range,
    bytes_of,
    ranges,
)
from pybpf.compiler.automata.bytesets import class_count, common_refinement

byte_sets = st.sets(st.integers(0, 255)).map(lambda members: bytes_of(bytes(members)))


@given(st.sets(st.integers(0, 255)), st.sets(st.integers(0, 255)))
def test_byte_sets_agree_with_sets(left: set[int], right: set[int]) -> None:
    ours, theirs = bytes_of(bytes(left)), bytes_of(bytes(right))
    assert list(ours) == sorted(left) and len(ours) == len(left)
    assert set(ours | theirs) == left | right
    assert set(ours & theirs) == left & right
    assert set(ours - theirs) == left - right
    assert set(~ours) == set(range(256)) - left
    assert all((byte in ours) == (byte in left) for byte in range(256))


@given(byte_sets)
def test_ranges_rebuild_the_set(members: ByteSet) -> None:
    rebuilt = NO_BYTE
    for first, last in ranges(members):
        rebuilt |= byte_range(first, last)
    assert rebuilt == members


def test_a_range_includes_both_ends() -> None:
    assert bytes(DIGIT) == b"0123456789"
    assert byte_range(0, 255) == ANY_BYTE


@given(st.lists(byte_sets, max_size=5))
def test_two_bytes_share_a_class_exactly_when_no_set_parts_them(sets: list[ByteSet]) -> None:
    classes = byte_classes(sets)
    membership = [tuple(byte in each for each in sets) for byte in range(256)]
    assert [membership.index(each) for each in membership] == [classes.index(each) for each in classes]


@given(st.lists(byte_sets, max_size=5))
def test_the_order_of_the_sets_does_not_matter(sets: list[ByteSet]) -> None:
    assert byte_classes(sets) == byte_classes(reversed(sets))


def test_classes_are_numbered_by_their_smallest_byte() -> None:
    classes = byte_classes([bytes_of(b"a"), DIGIT])
    assert (classes[0], classes[ord("0")], classes[ord("a")], class_count(classes)) == (0, 1, 2, 3)


@given(st.lists(byte_sets, max_size=3), st.lists(byte_sets, max_size=3))
def test_the_common_refinement_is_that_of_all_sets_together(left: list[ByteSet], right: list[ByteSet]) -> None:
    ours, theirs = byte_classes(left), byte_classes(right)
    classes, halves = common_refinement(ours, theirs)
    assert classes == byte_classes([*left, *right])
    assert [halves[each] for each in classes] == list(zip(ours, theirs, strict=True))
