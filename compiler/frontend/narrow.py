"""Test -> what is known where it holds: pointers that are not None, and upper bounds of numbers.

The same rule as mypy's for Optional, so that what mypy accepts and what the verifier accepts are one thing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from pybpf.compiler.ir import nodes as ir

Types = dict[str, ir.Type]
_WHEN_FALSE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def assume(types: Types, test: ir.Expression, holds: bool) -> Types:
    """`types` as they are where `test` came out as `holds`."""
    match test:
        case ir.Not(value=value):
            return assume(types, value, not holds)
        case ir.Logic(operator=operator, left=left, right=right) if (operator == "and") == holds:
            return assume(assume(types, left, holds), right, holds)
        case ir.IsNone(value=ir.Local(name=name)) if not holds and isinstance(known := types.get(name), ir.Pointer):
            return types | {name: replace(known, maybe=False)}
        case ir.Compare(operator=operator, left=ir.Local(name=name, type=ir.Word()), right=right):
            return _bound(types, operator if holds else _WHEN_FALSE[operator], name, right)
        case _:
            return types


def join(left: Types, right: Types) -> Types:
    """What is known where two ways meet: only what both know."""
    return {name: _either(left[name], right[name]) for name in left if name in right}


def forget(types: Types, names: Iterable[str]) -> Types:
    """`types` before a loop that assigns `names`: a later round knows nothing of their first values."""
    result = dict(types)
    for name in names:
        match result.get(name):
            case ir.Word():
                result[name] = ir.Word()
            case ir.Pointer() as pointer:
                result[name] = replace(pointer, maybe=True, of_packet=True)
    return result


def outside_packet(types: Types) -> Types:
    """`types` without the names that may point into the packet."""
    return {name: kind for name, kind in types.items() if not (isinstance(kind, ir.Pointer) and kind.of_packet)}


def assigned(nodes: Iterable[ast.stmt]) -> set[str]:
    """The local names that statements assign."""
    return {
        node.id
        for statement in nodes
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _bound(types: Types, operator: str, name: str, right: ir.Expression) -> Types:
    known, other = types[name], right.type
    if not isinstance(known, ir.Word) or not isinstance(other, ir.Word) or operator not in ("<", "<=", "=="):
        return types
    limit = max(0, other.limit - 1) if operator == "<" else other.limit
    return types | {name: ir.Word(min(known.limit, limit))}


def _either(left: ir.Type, right: ir.Type) -> ir.Type:
    match left, right:
        case ir.Word(limit=one), ir.Word(limit=two):
            return ir.Word(max(one, two))
        case ir.Pointer(), ir.Pointer():
            return replace(left, maybe=left.maybe or right.maybe, of_packet=left.of_packet or right.of_packet)
        case _:
            return left
