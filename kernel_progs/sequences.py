"""Sequence numbers of TCP: serial numbers modulo 2^32 (RFC 9293 section 3.4)."""

from __future__ import annotations

from pybpf.compiler.lang import function, u32


@function
def ahead_of(sequence: u32, other: u32) -> u32:
    """How far `sequence` lies ahead of `other`, modulo 2^32; 2^31 and more means behind."""
    return (sequence - other) & 0xFFFFFFFF


@function
def is_ahead(sequence: u32, other: u32) -> bool:
    """Whether `sequence` comes after `other`."""
    distance = ahead_of(sequence, other)
    return distance != 0 and distance < 0x80000000
