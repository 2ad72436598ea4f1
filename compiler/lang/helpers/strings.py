"""Text -> numbers, and comparing text."""

from __future__ import annotations

import re

from pybpf.compiler.lang.helpers.records import Signed, Unsigned
from pybpf.compiler.lang.helpers.stand_in import row
from pybpf.compiler.lang.integers import s64, u64
from pybpf.compiler.lang.memory import Array

_EINVAL, _ERANGE = 22, 34
_SPACE = b" \t\n\v\f\r\xa0"  # the kernel's characters are those of Latin-1 (lib/ctype.c)
_DIGITS = {8: rb"[0-7]+", 10: rb"[0-9]+", 16: rb"[0-9a-fA-F]+"}
_MOST_TEXT = 63  # what __bpf_strtoull looks at (kernel/bpf/helpers.c)


@row(105, "text #text base into", "5.2")
def strtol(text: Array[int], base: u64, into: Signed) -> s64:
    """How many bytes a number at the start of `text` takes, blanks before it counted; it is in `into`.

    `base` is 8, 10, 16, or 0 for what the number's own prefix says (0x, 0). A negative errno when there is no number
    (-22) or it does not fit 64 bits (-34); `into` is 0 then (before 6.12: as it was).
    """
    into.value = 0
    length, number = _number(bytes(text), base)
    if length < 0:
        return length
    if not -(1 << 63) <= number < 1 << 63:
        return -_ERANGE
    into.value = number
    return length


@row(106, "text #text base into", "5.2")
def strtoul(text: Array[int], base: u64, into: Unsigned) -> s64:
    """As strtol, for numbers without a sign."""
    into.value = 0
    length, number = _number(bytes(text), base)
    if length < 0:
        return length
    if b"-" in bytes(text)[:length]:
        return -_EINVAL
    into.value = number
    return length


@row(182, "text #text other", "5.17")
def strncmp(text: Array[int], other: Array[int] | bytes) -> s64:
    """0 when both are equal up to a zero byte or the end of `text`, below 0 when `text` is less, else above 0.

    `other` is constant: bytes, or an array in .rodata, with a zero byte in it.
    """
    assert 0 in bytes(other), "a constant string ends in a zero byte"
    for mine, theirs in zip(bytes(text), bytes(other), strict=False):
        if mine != theirs or mine == 0:
            return (mine > theirs) - (mine < theirs)
    return 0


def _number(text: bytes, base: int) -> tuple[int, int]:
    """(bytes up to the number's end or -errno, the number): as __bpf_strtoull, and _parse_integer in lib/kstrtox.c."""
    if base not in (0, *_DIGITS):
        return -_EINVAL, 0
    start = len(text) - len(text.lstrip(_SPACE))
    sign = -1 if text[start : start + 1] == b"-" else 1
    start += sign < 0
    text = text[: start + _MOST_TEXT]
    if base == 0:
        base = 16 if re.match(rb"0[xX][0-9a-fA-F]", text[start:]) else 8 if text[start : start + 1] == b"0" else 10
    start += 2 if base == 16 and text[start : start + 2].lower() == b"0x" else 0
    found = re.match(_DIGITS[base], text[start:])
    if found is None:
        return -_EINVAL, 0
    number = int(found[0], base)
    return (-_ERANGE, 0) if number >= 1 << 64 else (start + found.end(), sign * number)
