"""Kernel helpers that are plain functions; those about a map or a packet are methods of it."""

from pybpf.compiler.lang.helpers.general import checksum_add, ktime_ns

__all__ = ["checksum_add", "ktime_ns"]
