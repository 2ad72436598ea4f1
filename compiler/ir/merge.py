"""Several modules -> one: what they share stands once, what differs under one name gets a suffix.

Maps are shared by name. A function or global that another module has too, and that is not the same there, is
renamed with its module's suffix, and so are the functions that use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from pybpf.compiler.ir import nodes as ir

T = TypeVar("T")


def merge(parts: Sequence[tuple[str, ir.Module]]) -> ir.Module:
    """One module of all parts, each given with the suffix for its own names (empty for at most one part)."""
    functions: dict[str, ir.Function] = {}
    maps: dict[str, ir.Map] = {}
    data: dict[str, ir.Global] = {}
    for suffix, module in parts:
        renamed = _renamed(module, suffix) if suffix else module
        for function in renamed.functions:
            assert functions.setdefault(function.name, function) == function, f"two functions are called {function.name}"
        for each in renamed.globals:
            assert data.setdefault(each.name, each) == each, f"two globals are called {each.name}"
        for each_map in renamed.maps:
            known = maps.setdefault(each_map.name, each_map)
            assert known.declaration is each_map.declaration, f"two maps are called {each_map.name}"
    kfuncs = {each.name: each for _, module in parts for each in module.kfuncs}
    return ir.Module(tuple(functions.values()), tuple(maps.values()), tuple(data.values()), parts[0][1].license, tuple(kfuncs.values()))


def _renamed(module: ir.Module, suffix: str) -> ir.Module:
    """The module with its data sections' globals, and every function that reaches one, under names with the suffix."""
    own = {each.name: each.name + suffix for each in module.globals if each.section != ".rodata"}
    for function in module.functions:  # callees come before callers
        if any(name in own for name in _used(function.body)):
            own[function.name] = function.name + suffix
    return ir.Module(
        tuple(_rewritten(function, own) for function in module.functions),
        module.maps,
        tuple(replace(each, name=own[each.name], section=each.section + suffix) if each.name in own else each for each in module.globals),
        module.license,
        module.kfuncs,
    )


def _used(node: object) -> set[str]:
    """The names of functions and globals that a tree refers to."""
    found: set[str] = set()
    pending = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, ir.Call | ir.Repeat | ir.FunctionAddress):
            found.add(each.function)
        elif isinstance(each, ir.GlobalAddress):
            found.add(each.name)
        pending.extend(_children(each))
    return found


def _children(node: object) -> list[object]:
    if isinstance(node, tuple):
        return list(node)
    if isinstance(node, ir.Expression | ir.Statement):
        return [getattr(node, field.name) for field in fields(node)]
    return []


def _rewritten(node: T, names: Mapping[str, str]) -> T:
    """A copy of a function or tree in which functions and globals have their new names."""
    if isinstance(node, tuple):
        return cast(T, tuple(_rewritten(each, names) for each in node))
    if isinstance(node, ir.Function):
        return cast(T, replace(node, name=names.get(node.name, node.name), body=_rewritten(node.body, names)))
    if not (is_dataclass(node) and isinstance(node, ir.Expression | ir.Statement)):
        return node
    changed = {field.name: _rewritten(getattr(node, field.name), names) for field in fields(node)}
    if isinstance(node, ir.Call | ir.Repeat | ir.FunctionAddress):
        changed["function"] = names.get(node.function, node.function)
    elif isinstance(node, ir.GlobalAddress):
        changed["name"] = names.get(node.name, node.name)
    return cast(T, replace(node, **changed))
