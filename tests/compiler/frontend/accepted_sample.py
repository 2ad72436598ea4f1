"""What the accepted programs on numbers, ways and memory work on: sample 0 of one map."""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import (
    Array,
    ArrayMap,
    Count,
    Struct,
    be16,
    be32,
    s8,
    s16,
    s32,
    s64,
    u8,
    u16,
    u32,
    u64,
)


class Sample(Struct):
    """Numbers of every width and sign."""

    large: u64
    deep: s64
    wide: u32
    low: s32
    half: u16
    short: s16
    small: u8
    tiny: s8
    order: be16
    total: u64
    result: s64
    count: u32
    network: be32
    octets: Annotated[Array[u8], Count(16)]
    depths: Annotated[Array[s16], Count(8)]


samples = ArrayMap(Sample, 1)
