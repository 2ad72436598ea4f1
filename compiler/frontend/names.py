"""Names and fields -> IR: constants, locals, globals, fields of structs and of the context."""

from __future__ import annotations

import ast
import builtins
from difflib import get_close_matches
from enum import IntEnum, IntFlag
from types import ModuleType
from typing import Any

from pybpf.compiler import lang
from pybpf.compiler.frontend import expressions, owed
from pybpf.compiler.frontend.regions import in_packet, is_readonly, on_stack
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.uses import Abandoned
from pybpf.compiler.frontend.wording import did_you_mean
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import SIGNED_MIN, WORD_MAX
from pybpf.compiler.lang import ArrayType, Declaration, GlobalArray, KernelStruct, Struct, Width
from pybpf.compiler.lang.data import section_of
from pybpf.compiler.lang.helpers.names import KERNEL_NAMES
from pybpf.compiler.lang.helpers.table import rows


def number(place: ir.Place, value: int) -> ir.Constant:
    """A number that is known."""
    return ir.Constant(place, ir.Word(value, value), value)


def literal(scope: Scope, node: ast.expr, value: int) -> ir.Constant:
    """A number of the source."""
    if not SIGNED_MIN <= value <= WORD_MAX:
        raise scope.fail(node, "kernel-range", f"{value} does not fit 64 bits", "use a smaller number")
    return number(scope.place(node), value)


def local(scope: Scope, node: ast.expr, name: str) -> ir.Expression:
    """The value of a local variable."""
    if name not in scope.types:
        if name in scope.lost:
            raise scope.fail(node, scope.lost[name].code, scope.lost[name].message, scope.lost[name].hint)
        if name in scope.poisoned:
            raise Abandoned
        hint = f"set `{name}` before the branch"
        if name in scope.names:
            hint = f"it is set in this function, so it is not the module's `{name}`: a number that outlives the run is `{name} = variable(u64)` there, and `{name}.value` here"
        raise scope.fail(node, "kernel-unset", f"`{name}` is not set on every way here", hint)
    return ir.Local(scope.place(node), scope.types[name], name)


def bind(scope: Scope, target: ast.expr, value: ir.Expression) -> ir.Expression:
    """`name := value`."""
    assert isinstance(target, ast.Name)
    if isinstance(value, ir.Storage) or on_stack(value, scope.stacked):
        raise scope.fail(target, "kernel-escape", f"`{target.id}` would be a second name for a struct on the stack", "keep one name for it, or copy it with `copy_from`")
    owed.check_name(scope, target, target.id, value)
    scope.assign(target, target.id, value.type)
    return ir.Bind(scope.place(target), scope.types[target.id], target.id, value)


def named(scope: Scope, node: ast.Name | ast.Attribute) -> ir.Expression:
    """A global constant, or a field of a struct or of the context."""
    found = named_object(scope, node)
    place = scope.place(node)
    match found:
        case bool(value):
            return ir.Constant(place, ir.Bool(), int(value))
        case int(value):
            return literal(scope, node, int(value))
        case bytes(content):
            name = ast.unparse(node).replace(".", "_")
            scope.claim(node, name, content)
            made = scope.uses.constant(name, content)
            assert isinstance(made.type, ArrayType)
            return ir.GlobalAddress(place, ir.ArrayPointer(made.type, readonly=True), made.name)
        case GlobalArray() as array:
            name = ast.unparse(node).rpartition(".")[2]
            scope.claim(node, name, array)
            made = scope.uses.array(name, array)
            assert isinstance(made.type, ArrayType)
            return ir.GlobalAddress(place, ir.ArrayPointer(made.type, readonly=_is_constant(made)), made.name)
        case Struct() as struct if section_of(struct):
            name = ast.unparse(node).rpartition(".")[2]
            scope.claim(node, name, struct)
            constant = _is_constant(scope.uses.variable(name, struct))
            return ir.GlobalAddress(place, ir.Pointer(type(struct), readonly=constant), name)
    if isinstance(node, ast.Attribute) and isinstance(kind := named_object(scope, node.value), type) and issubclass(kind, IntEnum | IntFlag):
        raise scope.fail(node, "kernel-name", f"{kind.__name__} has no member {node.attr!r}", did_you_mean(node.attr, kind.__members__))
    if isinstance(node, ast.Attribute) and found is None:
        return _field(scope, node)
    raise _unusable(scope, node, found)


def _is_constant(data: ir.Global) -> bool:
    return data.section.startswith(".rodata")


def _unusable(scope: Scope, node: ast.expr, found: object) -> Exception:
    """The error of a name that is no value here: what it is, and what to do with such a thing."""
    text = ast.unparse(node)
    match found:
        case None:
            return scope.fail(node, "kernel-name", f"`{text}` is not defined here", near_names(scope, text))
        case Declaration():
            return scope.fail(node, "kernel-name", f"`{text}` is a map, not a value a kernel program can use", "call its methods: `entry = table.lookup(key)`, then `if entry is not None:`; `table.update(key, value)`")
        case float() | str():
            return scope.fail(node, "kernel-name", f"`{text}` is {found!r}, and kernel programs have no {type(found).__name__}", "use an integer, or bytes")
        case _:
            return scope.fail(node, "kernel-name", f"`{text}` is not a value a kernel program can use", "use a local, an int, bytes or IntEnum constant, or a global array or variable")


def near_names(scope: Scope, text: str) -> str:
    """A hint for a name that nothing has."""
    if (result := _RESULTS.get(text)) is not None:
        return f"it is called `{result}` here: import it from pybpf.lang"
    number = next((number for number, name in KERNEL_NAMES.items() if name.removeprefix("bpf_") == text.removeprefix("bpf_")), None)
    if (row := next((each for each in rows() if each.number == number), None)) is not None:
        owner, _, name = row.name.rpartition(".")
        return f"it is called `{name}` here" + (", a method of the context" if owner else ": import it from pybpf.lang")
    if hasattr(builtins, text):
        return "kernel programs have len and range only: write it as a @function of your own"
    near = get_close_matches(text, [*scope.own, *scope.names, *lang.__all__], 1)
    return f"did you mean `{near[0]}`?" if near else "define or import it"


_RESULTS = {
    **{f"TC_ACT_{each.name}": f"Action.{each.name}" for each in lang.Action},
    **{f"XDP_{each.name}": f"XdpAction.{each.name}" for each in lang.XdpAction},
    **{f"SK_{each.name}": f"Verdict.{each.name}" for each in lang.Verdict},
}


def named_object(scope: Scope, node: ast.expr) -> Any:
    """The Python object a dotted global name stands for; None when its root is a local or unknown."""
    match node:
        case ast.Name(id=name) if name not in scope.own:
            return scope.lookup(name)
        case ast.Attribute(value=base, attr=attribute):
            owner = named_object(scope, base)
            if isinstance(owner, ModuleType):
                return scope.uses.fixed.constants.get(attribute, getattr(owner, attribute, None))
            if isinstance(owner, type) and issubclass(owner, IntEnum | IntFlag):
                return getattr(owner, attribute, None)
    return None


def _field(scope: Scope, node: ast.Attribute) -> ir.Expression:
    base = expressions.expression(scope, node.value)
    if isinstance(base.type, ir.Context):
        return _context_field(scope, node, base, base.type)
    if isinstance(base.type, ir.Address):
        return _kernel_field(scope, node, base, base.type.struct)
    return field_of(scope, node, base, expressions.struct_of(scope, node.value, base))


def _kernel_field(scope: Scope, node: ast.Attribute, base: ir.Expression, struct: type[KernelStruct]) -> ir.Expression:
    try:
        fields = struct.kernel_fields()
    except (TypeError, NameError) as error:
        raise scope.fail(node, "kernel-field", f"the fields of {struct.__name__} cannot be read: {error}", "declare them as u8 to s64, or as KernelStructs") from error
    field = fields.get(node.attr)
    if field is None:
        raise scope.fail(node, "kernel-field", f"{struct.__name__} declares no field {node.attr!r}", did_you_mean(node.attr, fields))
    kind = ir.Word.of(field.type) if isinstance(field.type, Width) else ir.Address(field.type)
    return ir.KernelRead(scope.place(node), kind, base, field)


def _context_field(scope: Scope, node: ast.Attribute, base: ir.Expression, context: ir.Context) -> ir.Expression:
    fields = context.kind.context_fields
    field = fields.get(node.attr)
    if field is None:
        same = next((each.name for each in fields.values() if each.symbol == node.attr), None)
        hint = f"it is called `{same}` here" if same else did_you_mean(node.attr, fields)
        if node.attr in ("data", "data_end", "len") and context.kind.bounds is not None:
            hint = f"the packet is looked at with `{ast.unparse(node.value)}.header(Struct, offset)`"
        raise scope.fail(node, "kernel-field", f"{context.kind.__name__} has no field {node.attr!r}", hint)
    if isinstance(field.value, Width):
        return ir.ContextField(scope.place(node), ir.Word.of(field.value), base, field)
    return ir.ContextField(scope.place(node), ir.Pointer(field.value, maybe=True), base, field)


def field_of(scope: Scope, node: ast.Attribute, base: ir.Expression, struct: type[Struct]) -> ir.Expression:
    """The value of an integer field, or the address of a struct or array field."""
    place = scope.place(node)
    field = struct.layout.get(node.attr)
    if field is None:
        raise scope.fail(node, "kernel-field", f"{struct.__name__} has no field {node.attr!r}", did_you_mean(node.attr, struct.layout))
    if struct.symbol in ("bpf_spin_lock", "bpf_timer"):
        raise scope.fail(node, "kernel-field", f"only the kernel looks into a {struct.__name__}", "use its methods, or `with`")
    match field.type:
        case Width() as width:
            return ir.Load(place, ir.Word.of(width), base, field.offset, width)
        case ArrayType() as array:
            return ir.Offset(place, ir.ArrayPointer(array, readonly=is_readonly(base)), base, field.offset)
        case inner:
            return ir.Offset(place, ir.Pointer(inner, of_packet=in_packet(base), readonly=is_readonly(base)), base, field.offset)
