"""A whole module against what the verifier counts and asks of calls: lengths, licences, frames, tail calls."""

from __future__ import annotations

from collections.abc import Iterator

from pybpf.compiler.diag import Diagnostic
from pybpf.compiler.frontend.allowed import error
from pybpf.compiler.frontend.origins import check_origins, every
from pybpf.compiler.frontend.slices import check_slices
from pybpf.compiler.frontend.stack import callees, check_stack
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.alignment import Addresses, alignments, multiple
from pybpf.compiler.lang import Role
from pybpf.compiler.lang.helper import Pass, longest_length
from pybpf.compiler.lang.helpers.availability import GPL_COMPATIBLE, GPL_ONLY
from pybpf.compiler.lang.skb import NO_QUEUE

MAX_FRAMES = 8  # MAX_CALL_FRAMES (include/linux/bpf_verifier.h): a program and seven that are called
_TAIL_CALL = 12
_TRACE_PRINTK, _PROBE_READ_KERNEL = 6, 113


def check_limits(module: ir.Module) -> Iterator[Diagnostic]:
    """What is wrong with a module, in no order."""
    yield from check_origins(module)
    yield from check_slices(module)
    yield from check_stack(module)
    yield from _frames(module)
    yield from _tail_calls(module)
    addresses = alignments(module)
    for function in module.functions:
        for node in _nodes(function):
            yield from _call(function, node)
            yield from _placed(addresses[function.name], node)
            if module.license not in GPL_COMPATIBLE:
                yield from _licence(function, node, module.license)


def _nodes(function: ir.Function) -> Iterator[ir.Expression | ir.Statement]:
    for statement in function.body:
        yield from every(statement)


def _call(function: ir.Function, node: ir.Expression | ir.Statement) -> Iterator[Diagnostic]:
    """Numbers that would be cut, or not be written at all."""
    match node:
        case ir.HelperCall(helper=helper, parameters=parameters, arguments=arguments) if helper.signature.lengths:
            of = {name: argument for (name, _), argument in zip(parameters, arguments, strict=True)}
            for name, kind in parameters:
                if kind is Pass.LENGTH:
                    yield from _length(function, of[name], of[helper.signature.lengths[name]])
        case ir.StoreContext(field=field, value=value) if field.symbol == "queue_mapping":
            assert isinstance(value.type, ir.Word)
            if value.type.high >= NO_QUEUE:
                yield error(function, node, "kernel-range", f"{NO_QUEUE} is no queue, and the kernel would not write it", f"compare it first: `< {NO_QUEUE}`")


def _placed(addresses: Addresses, node: ir.Expression | ir.Statement) -> Iterator[Diagnostic]:
    """Atomics on what may lie at an odd address: a struct's type says where in it a field lies, not where the struct does.
    And copies between what may overlap: eight bytes are moved after the other."""
    match node:
        case ir.Atomic(base=base, offset=offset, width=width):
            octets = width.octets
        case ir.CompareExchange(base=base, offset=offset, bits=bits):
            octets = bits // 8
        case ir.Copy(target=target, source=source) if addresses.of(target).packet and addresses.of(source).packet:
            yield error(addresses.function, node, "kernel-call", "two views on the packet may overlap, and callers pass such", "copy through a struct of your own")
            return
        case _:
            return
    if multiple(addresses.of(base).anywhere, offset) < octets:
        yield error(
            addresses.function, node, "kernel-atomic", f"this may lie at an address that is no multiple of {octets}: inside of a packed struct, or in the packet",
            "atomics need one: put the counter into a struct that is not packed",
        )  # fmt: skip


def _length(function: ir.Function, length: ir.Expression, of: ir.Expression) -> Iterator[Diagnostic]:
    """A number of bytes that may be none, or more than are promised to the verifier."""
    assert isinstance(length.type, ir.Word) and isinstance(of.type, ir.ArrayPointer)
    size = of.type.array.octets
    most = longest_length(size)
    if not ir.Word(1, most).holds(length.type):
        given = str(length.type.low) if length.type.low == length.type.high else f"from {length.type.low} to {length.type.high}"
        yield error(
            function, length, "kernel-range", f"a length must be from 1 to {most} for an array of {size} bytes, and this is {given}",
            f"bound it: `(n & {most - 1}) + 1`, or compare it first",
        )  # fmt: skip


def _licence(function: ir.Function, node: ir.Expression | ir.Statement, licence: str) -> Iterator[Diagnostic]:
    """What only programs under a licence of the GPL's kind may call (check_helper_call, fetch_kfunc_meta)."""
    what = ""
    match node:
        case ir.HelperCall(helper=helper) if helper.number in GPL_ONLY:
            what = f"`{helper.name.rpartition('.')[2]}`"
        case ir.Print() if _TRACE_PRINTK in GPL_ONLY:
            what = "`printk`"
        case ir.KernelRead() if _PROBE_READ_KERNEL in GPL_ONLY:
            what = "a field of a struct of the kernel"
        case ir.KfuncCall(kfunc=kfunc):
            what = f"`{kfunc.name}`, as all functions of the kernel's own,"
        case ir.Iterate():
            what = "`iterate`"
        case ir.Slice():
            what = "`slice`"
    if what:
        yield error(function, node, "kernel-license", f"{what} is for programs under a licence that goes with the GPL, and this one is under {licence!r}", 'do without it, or choose another licence: the default is "Dual MIT/GPL"')


def _frames(module: ir.Module) -> Iterator[Diagnostic]:
    """Calls within calls: each subprogram and each callback has a frame, a @function has not."""
    depths: dict[str, int] = {}
    for function in module.functions:  # callees come before their callers
        called = [(depths[name], node) for node in _nodes(function) for name in callees(node)]
        below = max((depth for depth, _ in called), default=0)
        own = 0 if function.role is Role.FUNCTION else 1
        depths[function.name] = own + below
        if own + below > MAX_FRAMES and below <= MAX_FRAMES:
            deepest = next(node for depth, node in called if depth == below)
            yield error(function, deepest, "kernel-call", f"calls go {own + below} deep here, and {MAX_FRAMES} is the most", "make some of them @function, which has no frame of its own")


def _tail_calls(module: ir.Module) -> Iterator[Diagnostic]:
    """A tail call never returns: what is held then would be held for ever, and an iterator is."""
    leaving: set[str] = set()
    for function in module.functions:
        if any(_leaves(node, leaving) for node in _nodes(function)):
            leaving.add(function.name)
        for loop in (each for each in _nodes(function) if isinstance(each, ir.Iterate)):
            for node in (inner for statement in loop.body for inner in every(statement)):
                if _leaves(node, leaving):
                    yield error(function, node, "kernel-loop", "a tail call cannot be made from a loop over `iterate`", "leave the loop first, or loop over a range")


def _leaves(node: ir.Expression | ir.Statement, leaving: set[str]) -> bool:
    """Whether a node is a tail call, or calls what makes one."""
    match node:
        case ir.HelperCall(helper=helper):
            return helper.number == _TAIL_CALL
        case ir.Call(function=name):
            return name in leaving
        case _:
            return False
