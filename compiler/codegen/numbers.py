"""Arithmetic and comparisons on words -> LLVM values, signed where a number may be below zero.

BPF before v4 has no signed division, and Python's rounds down: for x below zero, x // d is ~(~x // d).
"""

from __future__ import annotations

from llvmlite import ir as ll

from pybpf.compiler.codegen.types import I64
from pybpf.compiler.ir import nodes as ir

_PLAIN = {"add": "add", "sub": "sub", "mul": "mul", "and": "and_", "or": "or_", "xor": "xor", "shl": "shl"}


def arithmetic(at: ll.IRBuilder, node: ir.Binary, left: ll.Value, right: ll.Value) -> ll.Value:
    """`left operator right`, both i64."""
    assert isinstance(node.left.type, ir.Word)
    signed = node.left.type.signed
    match node.operator:
        case "shr":
            return at.ashr(left, right) if signed else at.lshr(left, right)
        case "div":
            return _floored(at, left, right) if signed else at.udiv(left, right)
        case "mod" if signed:
            return at.sub(left, at.mul(_floored(at, left, right), right))
        case "mod":
            return at.urem(left, right)
        case name:
            made: ll.Value = getattr(at, _PLAIN[name])(left, right)
            return made


def is_followed(node: ir.Binary) -> bool:
    """Whether the verifier knows the bounds of a result as LLVM does. Where it does not, LLVM must not use them either: it
    would drop the very mask that the verifier needs."""
    assert isinstance(node.left.type, ir.Word) and isinstance(node.right.type, ir.Word)
    amount = node.right.type
    match node.operator:
        case "div" | "mod":
            return not node.left.type.signed and amount.low == amount.high and amount.low & (amount.low - 1) == 0
        case "shl" | "shr":
            return amount.low == amount.high
        case _:
            return True


def compared(at: ll.IRBuilder, node: ir.Compare, left: ll.Value, right: ll.Value) -> ll.Value:
    """`left operator right` as an i1."""
    signed = any(isinstance(each.type, ir.Word) and each.type.signed for each in (node.left, node.right))
    return at.icmp_signed(node.operator, left, right) if signed else at.icmp_unsigned(node.operator, left, right)


def _floored(at: ll.IRBuilder, left: ll.Value, right: ll.Value) -> ll.Value:
    """left // right, rounding down; `right` is above 0."""
    sign = at.ashr(left, ll.Constant(I64, 63))  # all ones below zero
    return at.xor(at.udiv(at.xor(left, sign), right), sign)
