"""Atomic methods of structs -> IR: `entry.add_atomic("packets", 1)` and its like."""

from __future__ import annotations

import ast
from typing import Final

from pybpf.compiler.frontend import expressions
from pybpf.compiler.frontend.regions import in_packet
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.writable import check_writable
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Struct, Width

# method -> (operator, whether it gives the value there was)
METHODS: Final[dict[str, tuple[str, bool]]] = {
    "add_atomic": ("add", False),
    "and_atomic": ("and", False),
    "or_atomic": ("or", False),
    "xor_atomic": ("xor", False),
    "fetch_add": ("add", True),
    "fetch_and": ("and", True),
    "fetch_or": ("or", True),
    "fetch_xor": ("xor", True),
    "exchange": ("xchg", True),
    "compare_exchange": ("cmpxchg", True),
}


def atomic(scope: Scope, node: ast.Call, function: ast.Attribute) -> ir.Expression:
    """A call of one of METHODS."""
    operator, gives = METHODS[function.attr]
    base, struct = expressions.pointer(scope, function.value)
    check_writable(scope, function.value, base)
    numbers = 2 if operator == "cmpxchg" else 1
    match node.args:
        case [ast.Constant(value=str(name)), *rest] if len(rest) == numbers:
            offset, width = _field(scope, node, base, struct, name)
        case _:
            wanted = "a field name and two numbers" if numbers == 2 else "a field name and a number"
            example = '("busy", 0, 1)' if numbers == 2 else '("packets", 1)'
            raise scope.fail(node, "kernel-call", f"{function.attr} takes {wanted}", f"write x.{function.attr}{example}")
    values = [expressions.word(scope, each) for each in rest]
    place, kind = scope.place(node), ir.Word.of(width)
    if operator == "cmpxchg":
        expressions.fitting(scope, rest[0], values[0], width)  # cut off, it would equal what it does not
        return ir.CompareExchange(place, kind, base, offset, width.bits, *values)
    return ir.Atomic(place, kind if gives else ir.Nothing(), base, offset, width, operator, values[0])


def _field(scope: Scope, node: ast.AST, base: ir.Expression, struct: type[Struct], name: str) -> tuple[int, Width]:
    """A field that atomics work on: 32 or 64 bits in the machine's byte order, aligned, not in the packet."""
    field = struct.layout.get(name)
    width = field.type if field is not None and isinstance(field.type, Width) else None
    if field is None or width is None or width.bits not in (32, 64) or width.order != "little" or width.signed or field.offset % width.octets:
        raise scope.fail(node, "kernel-atomic", f"{struct.__name__}.{name} is not an aligned u32 or u64", "atomics need one")
    if in_packet(base):
        raise scope.fail(node, "kernel-atomic", "the packet is not shared memory", "use an assignment")
    return field.offset, width
