"""Python call -> IR: kernel functions, helpers, and the few calls with a meaning of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pybpf.compiler import lang
from pybpf.compiler.frontend import expressions, helper_calls, names
from pybpf.compiler.frontend.atomics import METHODS, atomic
from pybpf.compiler.frontend.printing import print_line
from pybpf.compiler.frontend.regions import in_packet, may_give
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.signature import role, signature
from pybpf.compiler.frontend.wording import did_you_mean, shown
from pybpf.compiler.frontend.writable import forget_slices
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import (
    Context,
    Declaration,
    KernelStruct,
    Role,
    Struct,
    Width,
    printk,
    repeat,
    swap16,
    swap32,
    swap64,
    width_of,
    wrap,
)
from pybpf.compiler.lang.cells import is_cell
from pybpf.compiler.lang.context import MAX_HEADER_OFFSET
from pybpf.compiler.lang.helper import MAX_REPEATS, helper_of

_MAX_PACKET_OFFSET = 0xFFFF  # MAX_PACKET_OFF (kernel/bpf/verifier.c): beyond it no comparison shows what the packet has
# What C programs call to change byte order, and Python's way to say it
_ORDER = {"htons", "ntohs", "htonl", "ntohl", "bpf_htons", "bpf_ntohs", "bpf_htonl", "bpf_ntohl", "bpf_be64_to_cpu", "bpf_cpu_to_be64"}


def call(scope: Scope, node: ast.Call) -> ir.Expression:
    """Any call that yields a value or is made for its effect."""
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise scope.fail(node, "kernel-call", "a kernel call takes positional arguments only", "write the arguments in order")
    target = names.named_object(scope, node.func)
    if callable(target) and role(target) in (Role.FUNCTION, Role.SUBPROGRAM):
        return _function(scope, node, target)
    if callable(target) and role(target) is Role.KFUNC:
        return _kfunc(scope, node, target)
    if isinstance(node.func, ast.Name) and node.func.id == "len" and scope.is_builtin("len"):
        return _length(scope, node)
    special = next((made for each, made in _SPECIAL if target is each), None)
    if special is not None:
        return special(scope, node)
    if (helper := helper_of(target)) is not None and not isinstance(target, type):
        return helper_calls.function_call(scope, node, helper)
    if isinstance(node.func, ast.Attribute):
        return _method(scope, node, node.func)
    name = ast.unparse(node.func)
    if isinstance(target, type) and issubclass(target, Struct):
        raise scope.fail(node, "kernel-call", f"a {name} on the stack needs a name", f"write `fresh = {name}()` first, set its fields, and use that")
    if name.rpartition(".")[2] in _ORDER:
        raise scope.fail(node, "kernel-order", "a number has no byte order here", "declare the field as be16, be32 or be64: what is read from it is the number it means")
    if target is None and scope.is_builtin(name):
        hint = 'write printk("port %d", port)' if name == "print" else names.near_names(scope, name)
        raise scope.fail(node, "kernel-call", f"`{name}` is not a kernel function", hint)
    raise scope.fail(node, "kernel-call", f"`{name}` is not a kernel function", "mark it with @function, or use a helper")


def _function(scope: Scope, node: ast.Call, target: Callable[..., Any]) -> ir.Expression:
    callee = scope.uses.function(scope, node, target)
    parameters = callee.parameters
    if len(parameters) != len(node.args):
        raise scope.fail(node, "kernel-call", f"{target.__name__} takes {len(parameters)} arguments, not {len(node.args)}", "see its definition")
    arguments = tuple(argument(scope, value, wanted.type) for value, wanted in zip(node.args, parameters, strict=True))
    if callee.name in scope.uses.movers:
        for value, made in zip(node.args, arguments, strict=True):
            if in_packet(made):
                raise scope.fail(value, "kernel-moved", f"`{callee.name}` may move the packet that `{ast.unparse(value)}` points into", f"call `packet.header` in `{callee.name}`")
        scope.packet_moved(node)
    return ir.Call(scope.place(node), _call_type(scope, callee, arguments), callee.name, arguments)


def _kfunc(scope: Scope, node: ast.Call, target: Callable[..., Any]) -> ir.Expression:
    parameters, result = signature(scope, node, target)
    if len(parameters) > 5 or len(parameters) != len(node.args):
        raise scope.fail(node, "kernel-call", f"{target.__name__} takes {len(parameters)} arguments (five at most), not {len(node.args)}", "see its declaration")
    arguments = tuple(argument(scope, value, wanted.type) for value, wanted in zip(node.args, parameters, strict=True))
    made = scope.uses.kfunc(scope, node, target, parameters, result)
    if any(isinstance(each.type, ir.Context) for each in arguments):
        scope.packet_moved(node)
    return ir.KfuncCall(scope.place(node), result, made, arguments)


def _call_type(scope: Scope, callee: ir.Function, arguments: tuple[ir.Expression, ...]) -> ir.Type:
    """The declared result; whether it may point into the packet depends on the callee and on what it was given."""
    if isinstance(callee.result, ir.Word):
        return replace(callee.result, seen=False)  # what it returns fits its declaration, but the verifier may not know
    if not isinstance(callee.result, ir.Pointer):
        return callee.result
    struct = callee.result.struct
    given = any(in_packet(each) and may_give(each.type, struct) for each in arguments)
    return replace(callee.result, of_packet=given or callee.name in scope.uses.finders)


def argument(scope: Scope, node: ast.expr, wanted: ir.Type) -> ir.Expression:
    """An argument of the type its parameter has; a view may be passed where None is allowed too."""
    if isinstance(node, ast.Constant) and node.value is None and isinstance(wanted, ir.Pointer) and wanted.maybe:
        return ir.Null(scope.place(node), wanted)
    value = expressions.expression(scope, node)
    match value.type, wanted:
        case ir.Word() as have, ir.Word() as kind:
            if not kind.holds(have):
                raise scope.fail(
                    node, "kernel-range", f"a number from {have.low} to {have.high} may not fit a parameter from {kind.low} to {kind.high}",
                    "mask it, compare it first, or wrap it",
                )  # fmt: skip
            return value
        case ir.Bool(), ir.Bool():
            return value
        case ir.Address() as one, ir.Address() as two if one == two:
            return value
        case ir.Context(kind=have_kind), ir.Context(kind=want_kind) if issubclass(have_kind, want_kind):
            return value
        case ir.Pointer(struct=have_struct, maybe=maybe), ir.Pointer(struct=want, maybe=allowed) if have_struct is want:
            if maybe and not allowed:
                return expressions.pointer(scope, node)[0]
            return value
        case ir.ArrayPointer(array=have_array), ir.ArrayPointer(array=want_array) if have_array == want_array:
            return value
        case ir.Pointer(struct=have_struct), ir.Pointer(struct=want) if is_cell(have_struct) and have_struct.__name__ == want.__name__:
            raise scope.fail(node, "kernel-type", f"`{ast.unparse(node)}` is read anew each time, as others may set it, and the parameter is for a number of a map", f"pass the number: `{ast.unparse(node)}.value`")
    raise scope.fail(node, "kernel-type", f"{shown(wanted)} is needed here, not {shown(value.type)}", "pass what the parameter is declared as")


def _repeat(scope: Scope, node: ast.Call) -> ir.Expression:
    body = names.named_object(scope, node.args[1]) if len(node.args) in (2, 3) else None
    if not callable(body) or role(body) is not Role.CALLBACK:
        raise scope.fail(node, "kernel-call", "repeat takes a number, a @callback function, and perhaps a struct for it", "write repeat(64, body)")
    parameters, result = signature(scope, node, body)
    state = expressions.pointer(scope, node.args[2])[0] if len(node.args) == 3 else None
    kinds = [parameter.type for parameter in parameters]
    fits = bool(kinds) and isinstance(kinds[0], ir.Word) and len(kinds) == 1 + (state is not None)
    if not fits or result != ir.Bool() or (state is not None and not _takes(kinds[1], state.type)):
        raise scope.fail(node, "kernel-signature", f"{body.__name__} must take a number{' and that struct' if state is not None else ''}, and return a bool", "annotate it: (u32) -> bool")
    rounds = expressions.word(scope, node.args[0])
    if isinstance(kinds[0], ir.Word) and expressions.known(rounds).high > kinds[0].high + 1:
        raise scope.fail(node.args[0], "kernel-range", f"there may be {expressions.known(rounds).high} rounds, and `{parameters[0].name}` of {body.__name__} is at most {kinds[0].high}", "declare it as u32")
    if not ir.Word(0, MAX_REPEATS).holds(expressions.known(rounds)):
        raise scope.fail(node.args[0], "kernel-loop", f"the number of rounds is not known to be at most {MAX_REPEATS}", "mask it: `& 0xFFFF`")
    if expressions.known(rounds).high == 0:  # Linux 6.18 loses the callback then ("verifier bug: No program to jit")
        raise scope.fail(node.args[0], "kernel-loop", "there is never a round", "leave `repeat` out")
    name = scope.uses.function(scope, node, body).name
    scope.uses.shape(scope, node, name, 0, 2)
    if name in scope.uses.movers:
        scope.packet_moved(node)
    return ir.Repeat(scope.place(node), ir.Nothing(), rounds, name, state)


def _takes(wanted: ir.Type, given: ir.Type) -> bool:
    return isinstance(wanted, ir.Pointer) and isinstance(given, ir.Pointer) and wanted.struct is given.struct


def _length(scope: Scope, node: ast.Call) -> ir.Expression:
    if len(node.args) != 1:
        raise scope.fail(node, "kernel-call", "len takes one argument", "write len(array)")
    value = expressions.expression(scope, node.args[0])
    if not isinstance(value.type, ir.ArrayPointer):
        raise scope.fail(node, "kernel-type", f"{shown(value.type)} has no length", "only arrays have one")
    return names.number(scope.place(node), value.type.array.count)


def _wrap(scope: Scope, node: ast.Call) -> ir.Expression:
    width = width_of(names.named_object(scope, node.args[0])) if len(node.args) == 2 else None
    if width is None or width.order == "big" or width.volatile:
        raise scope.fail(node, "kernel-call", "wrap takes a type from u8 to s64 and a number", "write wrap(u32, a - b)")
    value = expressions.word(scope, node.args[1])
    if isinstance(value, ir.Constant):
        return names.number(scope.place(node), width.wrapped(value.value))
    kind = ir.Word.of(width)
    assert isinstance(value.type, ir.Word)
    if kind.holds(value.type) and kind.signed == value.type.signed:
        kind = value.type  # what fits stays as it is, to LLVM too: the verifier knows of it what it knew before
    return ir.Convert(scope.place(node), kind, value, width)


def _swap(bits: int) -> Callable[[Scope, ast.Call], ir.Expression]:
    def swap(scope: Scope, node: ast.Call) -> ir.Expression:
        if len(node.args) != 1:
            raise scope.fail(node, "kernel-call", f"swap{bits} takes one number", f"write swap{bits}(x)")
        value = expressions.word(scope, node.args[0])
        return ir.Swap(scope.place(node), ir.Word.of(Width(bits, "big")), value, bits)

    return swap


def _print(scope: Scope, node: ast.Call) -> ir.Expression:
    return print_line(scope, node)


_SPECIAL: tuple[tuple[object, Callable[[Scope, ast.Call], ir.Expression]], ...] = (
    (repeat, _repeat),
    (wrap, _wrap),
    (swap16, _swap(16)),
    (swap32, _swap(32)),
    (swap64, _swap(64)),
    (printk, _print),
)


def _method(scope: Scope, node: ast.Call, function: ast.Attribute) -> ir.Expression:
    name = function.attr
    owner = names.named_object(scope, function.value)
    if name == "at" and isinstance(owner, type) and issubclass(owner, KernelStruct) and len(node.args) == 1:
        return ir.KernelAt(scope.place(node), ir.Address(owner), expressions.word(scope, node.args[0]))
    if isinstance(owner, Declaration):
        return helper_calls.map_method(scope, node, function, owner)
    base = expressions.expression(scope, function.value)
    match base.type:
        case ir.InnerMap():
            return helper_calls.inner_map_method(scope, node, name, base)
        case ir.Context(kind=kind) if name == "header" and kind.bounds is not None:
            return _header(scope, node, base)
        case ir.Context(kind=kind) if name == "slice" and kind.symbol in ("__sk_buff", "xdp_md"):
            return _slice(scope, node, base, kind)
        case ir.Context(kind=kind) if (helper := helper_of(getattr(kind, name, None))) is not None:
            return helper_calls.context_method(scope, node, helper, base)
        case ir.ArrayPointer(array=array) if name == "word" and len(node.args) == 1:
            index = expressions.word(scope, node.args[0])
            expressions.check_index(scope, node, index, array.octets - 7)
            return ir.LoadElement(scope.place(node), ir.Word(), base, index, 1, Width(64))
        case ir.Pointer() if name in METHODS:
            return atomic(scope, node, function)
        case ir.Pointer(struct=struct) if (helper := helper_of(getattr(struct, name, None))) is not None:
            return helper_calls.object_method(scope, node, helper, function.value)
    if helper_of(getattr(lang, name, None)) is not None:
        raise scope.fail(node, "kernel-call", f"{shown(base.type)} has no method {name!r}", f"`{name}` is a function: import it, and call it without `{ast.unparse(function.value)}.`")
    raise scope.fail(node, "kernel-call", f"{shown(base.type)} has no method {name!r}", _methods(base.type, name))


def _methods(kind: ir.Type, name: str) -> str:
    """A hint for a method that is not there."""
    match kind:
        case ir.Context(kind=context):
            found = [each for each in dir(context) if helper_of(getattr(context, each)) is not None]
            return did_you_mean(name, [*(["header", "slice"] if context.bounds is not None else []), *found])
        case ir.Pointer(struct=struct):
            return did_you_mean(name, [*METHODS, "copy_from", *(each for each in dir(struct) if helper_of(getattr(struct, each)) is not None)])
        case ir.ArrayPointer():
            return "arrays have `word(at)`, len() and their elements"
        case _:
            return "see docs/kernel-python.md for what it has"


def _header(scope: Scope, node: ast.Call, context: ir.Expression) -> ir.Expression:
    kind = names.named_object(scope, node.args[0]) if len(node.args) == 2 else None
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        raise scope.fail(node, "kernel-call", "header takes a Struct and an offset", "write packet.header(Ethernet, 0)")
    offset = expressions.word(scope, node.args[1])
    if not ir.Word(0, MAX_HEADER_OFFSET).holds(expressions.known(offset)):
        raise scope.fail(node.args[1], "kernel-index", f"the offset is not known to be at most {MAX_HEADER_OFFSET}", "mask it: `& 0x7FFF`")
    if (end := expressions.known(offset).high + kind.size_bytes) > _MAX_PACKET_OFFSET:
        raise scope.fail(node, "kernel-index", f"the end of the {kind.__name__} may lie {end} bytes into the packet, and the verifier follows {_MAX_PACKET_OFFSET}", "bound the offset, or look at a smaller struct")
    return ir.Header(scope.place(node), ir.Pointer(kind, maybe=True, of_packet=True), context, offset)


def _slice(scope: Scope, node: ast.Call, context: ir.Expression, of: type[Context]) -> ir.Expression:
    kind = names.named_object(scope, node.args[0]) if len(node.args) == 3 else None
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        raise scope.fail(node, "kernel-call", "slice takes a Struct, an offset and a buffer", "write packet.slice(Ethernet, 0, buffer), where buffer = Ethernet()")
    offset = expressions.fitting(scope, node.args[1], expressions.word(scope, node.args[1]), Width(32))
    buffer, struct = expressions.pointer(scope, node.args[2])
    if struct is not kind:
        raise scope.fail(node.args[2], "kernel-type", f"the buffer must be {kind.__name__}, not {struct.__name__}", f"write buffer = {kind.__name__}()")
    scope.uses.slices(scope, node, of)
    forget_slices(scope, node, "another slice may have taken its buffer")
    return ir.Slice(scope.place(node), ir.Pointer(kind, maybe=True, of_packet=True, readonly=True), context, offset, buffer)
