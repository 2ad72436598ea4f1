"""ir.Module -> text for people, the same for the same module.

    module     = "license" text, map*, global*, function*
    map        = "map" NAME ":" TYPE ["(" key "->" value ")"] "x" entries
    global     = "global" NAME ":" array "in" section "=" content     content: zero, hex, or a digest of long ones
    function   = ("program" | "function" | "callback") NAME "(" NAME ":" type, ... ")" "->" type "at" file:line [section]
                 then, indented, "local" NAME ":" type, "stack" NAME ":" struct, statements
    statement  = NAME "=" e | "clear" &NAME | e.field "=" e | e[e] "=" e | "copy" e "<-" e | "locked" e.field
               | "iterate" NAME "in" e ".." e | e | "if" e | "else" | "for" NAME "in" e ".." e ["by" step] | "break" | "continue" | "return" [e]
    e          = number | true | false | none | NAME | &NAME (struct on the stack) | @NAME (global)
               | &e.field (address) | e.field:width | e[e]:width | e[e * stride]:width | (e + e) | ~e | (e == e)
               | width(e) | swap16(e) | (NAME := e) | (e and e) | not e | e is none | (e if e else e)
               | NAME(e, ...) | map.helper(e, ...) | e.helper(e, ...) | packet.header(struct, e) | repeat(e, NAME)
               | exchange(e.field, e -> e) | atomic(e.field op e) | print(@NAME, e, ...)
    type       = word | word[low..high] | bool | struct | struct? (may be None) | array | context class | nothing
    width      = u8 u16 u32 u64 s8 s16 s32 s64 be16 be32 be64 | volatile_u16

Every statement ends in its line, `; 41`. Blocks are indented.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import assert_never

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import SIGNED, UNSIGNED
from pybpf.compiler.lang import ArrayType, Struct, Width

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "//", "mod": "%", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>"}
_LONGEST_HEX = 64  # bytes


def show(module: ir.Module) -> str:
    """The module as text, ending in a line end."""
    lines = [f"license {module.license}", ""]
    lines += [_map(each) for each in module.maps]
    lines += [_global(each) for each in module.globals]
    for function in module.functions:
        lines += ["", *_function(function)]
    return "\n".join(lines) + "\n"


def show_type(kind: ir.Type) -> str:
    """A type as it stands in the text."""
    match kind:
        case ir.Word(low=low, high=high):
            whole = {(UNSIGNED.low, UNSIGNED.high): "word", (SIGNED.low, SIGNED.high): "signed"}
            return whole.get((low, high), f"word[{low}..{high}]")
        case ir.Bool():
            return "bool"
        case ir.Pointer(struct=struct, maybe=maybe):
            return struct.__name__ + ("?" if maybe else "")
        case ir.ArrayPointer(array=array):
            return _kind(array)
        case ir.Context(kind=context):
            return context.__name__
        case ir.Address(struct=kernel):
            return f"{kernel.__name__} in the kernel"
        case ir.InnerMap(declaration=inner, maybe=maybe):
            return type(inner).__name__ + ("?" if maybe else "")
        case ir.Memory():
            return "memory"
        case ir.Nothing():
            return "nothing"
        case _:
            assert_never(kind)


def _map(each: ir.Map) -> str:
    declaration = each.declaration
    key, value = (_kind(kind) if kind is not None else "" for kind in (declaration.key, declaration.value))
    content = f" ({key} -> {value})" if key else ""
    return f"map {each.name}: {declaration.type.name}{content} x {declaration.max_entries}"


def _global(each: ir.Global) -> str:
    if not any(each.content):
        content = "zero"
    elif len(each.content) <= _LONGEST_HEX:
        content = each.content.hex()
    else:
        content = f"sha256:{hashlib.sha256(each.content).hexdigest()[:16]}"
    return f"global {each.name}: {_kind(each.type)} in {each.section} = {content}"


def _kind(kind: Width | ArrayType | type[Struct]) -> str:
    match kind:
        case Width(bits=bits, order=order, volatile=volatile, signed=signed):
            return ("volatile_" if volatile else "") + ("be" if order == "big" else "s" if signed else "u") + str(bits)
        case ArrayType(element=element, count=count):
            return f"{_kind(element)}[{count}]"
        case _:
            return kind.__name__


def _function(function: ir.Function) -> Iterator[str]:
    parameters = ", ".join(f"{each.name}: {show_type(each.type)}" for each in function.parameters)
    section = f" in {function.section}" if function.section else ""
    place = f"{function.source.name}:{function.place.line}"
    yield f"{function.role.name.lower()} {function.name}({parameters}) -> {show_type(function.result)} at {place}{section}"
    given = {each.name for each in function.parameters}
    yield from (f"    local {name}: {show_type(kind)}" for name, kind in function.locals if name not in given)
    yield from (f"    stack {name}: {struct.__name__}" for name, struct in function.storage)
    yield from _block(function.body, "    ")


def _block(body: tuple[ir.Statement, ...], margin: str) -> Iterator[str]:
    for statement in body:
        first, *rest = _statement(statement, margin)
        yield f"{margin}{first}  ; {statement.place.line}"
        yield from rest


def _statement(node: ir.Statement, margin: str) -> Iterator[str]:
    """The statement's own line, without margin; then the lines of its blocks, with it."""
    match node:
        case ir.Assign(name=name, value=value):
            yield f"{name} = {_e(value)}"
        case ir.Clear(storage=storage):
            yield f"clear {_e(storage)}"
        case ir.Store(base=base, offset=offset, width=width, value=value):
            yield f"{_field(base, offset)}:{_kind(width)} = {_e(value)}"
        case ir.StoreElement(base=base, index=index, width=width, value=value):
            yield f"{_e(base)}[{_e(index)}]:{_kind(width)} = {_e(value)}"
        case ir.StoreContext(context=context, field=field, value=value):
            yield f"{_e(context)}.{field.name} = {_e(value)}"
        case ir.Copy(target=target, source=source):
            yield f"copy {_e(target)} <- {_e(source)}"
        case ir.Evaluate(value=value):
            yield _e(value)
        case ir.If(test=test, then=then, other=other):
            yield f"if {_e(test)}"
            yield from _block(then, margin + "    ")
            if other:
                yield f"{margin}else"
                yield from _block(other, margin + "    ")
        case ir.For(name=name, start=start, stop=stop, step=step, body=body):
            yield f"for {name} in {_e(start)}..{_e(stop)}" + (f" by {step}" if step != 1 else "")
            yield from _block(body, margin + "    ")
        case ir.Iterate(name=name, start=start, stop=stop, body=body):
            yield f"iterate {name} in {_e(start)}..{_e(stop)}"
            yield from _block(body, margin + "    ")
        case ir.Locked(base=base, offset=offset, body=body):
            yield f"locked {_field(base, offset)}"
            yield from _block(body, margin + "    ")
        case ir.Break() | ir.Continue():
            yield type(node).__name__.lower()
        case ir.Return(value=value):
            yield "return" if value is None else f"return {_e(value)}"
        case _:
            raise AssertionError(node)


def _e(node: ir.Expression) -> str:
    """An expression: leaves, memory and calls here, operators in _computed."""
    match node:
        case ir.Constant(value=value, type=kind):
            return str(value) if isinstance(kind, ir.Word) else ("true" if value else "false")
        case ir.Null():
            return "none"
        case ir.Local(name=name):
            return name
        case ir.Storage(name=name):
            return f"&{name}"
        case ir.GlobalAddress(name=name):
            return f"@{name}"
        case ir.Offset(base=base, octets=octets):
            return f"&{_field(base, octets)}"
        case ir.Load(base=base, offset=offset, width=width):
            return f"{_field(base, offset)}:{_kind(width)}"
        case ir.LoadElement(base=base, index=index, stride=stride, width=width):
            step = "" if stride == width.octets else f" * {stride}"
            return f"{_e(base)}[{_e(index)}{step}]:{_kind(width)}"
        case ir.ContextField(context=context, field=field):
            return f"{_e(context)}.{field.name}"
        case ir.KernelAt(value=value, type=ir.Address(struct=struct)):
            return f"{struct.__name__}.at({_e(value)})"
        case ir.KernelRead(base=base, field=kernel_field):
            return f"{_e(base)}.{kernel_field.name}"
        case ir.Header(context=context, offset=offset, type=ir.Pointer(struct=struct)):
            return f"{_e(context)}.header({struct.__name__}, {_e(offset)})"
        case ir.Slice(context=context, offset=offset, buffer=buffer, type=ir.Pointer(struct=struct)):
            return f"{_e(context)}.slice({struct.__name__}, {_e(offset)}, {_e(buffer)})"
        case ir.Call() | ir.KfuncCall() | ir.HelperCall() | ir.Repeat() | ir.Print() | ir.FunctionAddress() | ir.MapAddress() | ir.SizeOf():
            return _calling(node)
        case ir.CompareExchange(base=base, offset=offset, expected=expected, desired=desired):
            return f"exchange({_field(base, offset)}, {_e(expected)} -> {_e(desired)})"
        case ir.Atomic(base=base, offset=offset, operator=operator, amount=amount):
            return f"atomic({_field(base, offset)} {operator} {_e(amount)})"
        case _:
            return _computed(node)


def _calling(node: ir.Expression) -> str:
    match node:
        case ir.Call(function=name, arguments=arguments):
            return f"{name}({_list(arguments)})"
        case ir.KfuncCall(kfunc=kfunc, arguments=arguments):
            return f"{kfunc.name}({_list(arguments)})"
        case ir.HelperCall(helper=helper, map=None, arguments=arguments) if not node.has_receiver:
            return f"{helper.name}({_list(arguments)})"
        case ir.HelperCall(helper=helper, map=of, arguments=arguments):
            owner, rest = (of.name, arguments) if of is not None else (_e(arguments[0]), arguments[1:])
            return f"{owner}.{helper.name.rpartition('.')[2]}({_list(rest)})"
        case ir.Repeat(rounds=rounds, function=name, state=state):
            return f"repeat({_list((rounds,))}, {name}" + (f", {_e(state)})" if state is not None else ")")
        case ir.FunctionAddress(function=name):
            return name
        case ir.MapAddress(map=each):
            return each.name
        case ir.SizeOf(struct=struct):
            return struct.__name__
        case ir.Print(format=format_, arguments=arguments):
            return f"print({_list((format_, *arguments))})"
        case _:
            raise AssertionError(node)


def _computed(node: ir.Expression) -> str:
    match node:
        case ir.Binary(operator=operator, left=left, right=right):
            return f"({_e(left)} {_SIGNS[operator]} {_e(right)})"
        case ir.Compare(operator=operator, left=left, right=right) | ir.Logic(operator=operator, left=left, right=right):
            return f"({_e(left)} {operator} {_e(right)})"
        case ir.Invert(value=value):
            return f"~{_e(value)}"
        case ir.Convert(value=value, width=width):
            return f"{_kind(width)}({_e(value)})"
        case ir.Swap(value=value, bits=bits):
            return f"swap{bits}({_e(value)})"
        case ir.Bind(name=name, value=value):
            return f"({name} := {_e(value)})"
        case ir.Not(value=value):
            return f"not {_e(value)}"
        case ir.IsNone(value=value):
            return f"{_e(value)} is none"
        case ir.Choose(test=test, then=then, other=other):
            return f"({_e(then)} if {_e(test)} else {_e(other)})"
        case _:
            raise AssertionError(node)


def _field(base: ir.Expression, offset: int) -> str:
    """What lies at an offset of a struct, by the name of its field."""
    assert isinstance(base.type, ir.Pointer)
    name = next((field.name for field in base.type.struct.layout.values() if field.offset == offset), f"+{offset}")
    owner = _field(base.base, base.octets) if isinstance(base, ir.Offset) else _e(base)
    return f"{owner}.{name}"


def _list(nodes: tuple[ir.Expression, ...]) -> str:
    return ", ".join(_e(each) for each in nodes)
