"""The functions of the kernel that constructs of the language are made of, as the kernel declares them.

Iterators: kernel/bpf/bpf_iter.c. Slices: bpf_dynptr_slice in kernel/bpf/helpers.c, bpf_dynptr_from_skb and
bpf_dynptr_from_xdp in net/core/filter.c. All since 6.4.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Context, Struct, Width, u64
from pybpf.compiler.lang.cells import cell_of


class NumberIterator(Struct, symbol="bpf_iter_num"):
    """The kernel's own state of an iterator over numbers."""

    opaque: u64


class Dynptr(Struct, symbol="bpf_dynptr"):
    """The kernel's own pointer with a length."""

    opaque_1: u64
    opaque_2: u64


_S32, _U32, _U64 = (ir.Word.of(width) for width in (Width(32, signed=True), Width(32), Width(64)))


def _kfunc(name: str, result: ir.Type, *parameters: ir.Type) -> ir.Kfunc:
    """One that only this compiler's own constructs call: it has no stand-in."""
    named = tuple(ir.Parameter(f"argument_{number}", kind) for number, kind in enumerate(parameters))
    return ir.Kfunc(name, named, result, NumberIterator)


ITERATOR: Final = (
    _kfunc("bpf_iter_num_new", _S32, ir.Pointer(NumberIterator), _S32, _S32),
    _kfunc("bpf_iter_num_next", ir.Pointer(cell_of(Width(32, signed=True)), maybe=True), ir.Pointer(NumberIterator)),
    _kfunc("bpf_iter_num_destroy", ir.Nothing(), ir.Pointer(NumberIterator)),
)


def slices_of(context: type[Context]) -> tuple[ir.Kfunc, ...]:
    """What slices of a context's packet are made of."""
    make = {"__sk_buff": "bpf_dynptr_from_skb", "xdp_md": "bpf_dynptr_from_xdp"}[context.symbol]
    return (
        _kfunc(make, _S32, ir.Context(context), _U64, ir.Pointer(Dynptr)),
        _kfunc("bpf_dynptr_slice", ir.Memory(), ir.Pointer(Dynptr), _U32, ir.Memory(), _U32),
    )
