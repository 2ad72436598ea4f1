"""Test -> what is known where it holds: pointers that are not None, and bounds of numbers.

The same rule as mypy's for Optional, so that what mypy accepts and what the verifier accepts are one thing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from pybpf.compiler.frontend.regions import bound, bound_surely
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import SIGNED_MAX, union, widened

Types = dict[str, ir.Type]
_WHEN_FALSE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def assume(types: Types, test: ir.Expression, holds: bool) -> Types:
    """`types` as they are where `test` came out as `holds`."""
    match test:
        case ir.Not(value=value):
            return assume(types, value, not holds)
        case ir.Logic(operator=operator, left=left, right=right) if (operator == "and") == holds:
            first, rebound = assume(types, left, holds), bound(right)  # what `left` says of a name, it says of its value then
            kept = {name: kind for name, kind in first.items() if name not in rebound}
            return assume(kept | bound_surely(right) | {name: types[name] for name in rebound if name in types}, right, holds)
        case ir.IsNone(value=ir.Local(name=name) | ir.Bind(name=name) as value) if isinstance(known := types.get(name, value.type), ir.Pointer):
            # A name that is bound in the test is set here, though it may not be beyond: this side was evaluated.
            return types | {name: replace(known, owed=False) if holds else replace(known, maybe=False)}
        case ir.IsNone(value=ir.Local(name=name) | ir.Bind(name=name) as value) if isinstance(inner := types.get(name, value.type), ir.InnerMap):
            return types | {name: replace(inner, maybe=inner.maybe and holds)}
        case ir.Compare(operator=operator, left=left, right=right):
            sure = operator if holds else _WHEN_FALSE[operator]
            is_old = isinstance(left, ir.Local | ir.Bind) and left.name in bound(right)
            return _bound(types if is_old else _bound(types, sure, left, right), MIRRORED[sure], right, left)
        case _:
            return types


def join(left: Types, right: Types) -> Types:
    """What is known where two ways meet: only what both know. A name whose two values no 64 bits can hold is not known."""
    met = {name: _either(left[name], right[name]) for name in left if name in right}
    return {name: kind for name, kind in met.items() if kind is not None}


def settled(head: Types, end: Types, declared: Types) -> Types | None:
    """What is known at the head of a loop, when a round that starts with `head` ends with `end`.

    None when `head` was right: no round ends with less than it starts with. What changes from round to round is
    known only as far as its declaration goes.
    """
    result: Types = {}
    for name, kind in head.items():
        if name not in end:
            continue
        met = _either(kind, end[name])
        if met == kind:
            result[name] = kind
        elif isinstance(known := end[name], ir.Word) and isinstance(kind, ir.Word):
            stated = declared.get(name)
            fits = isinstance(stated, ir.Word) and isinstance(met, ir.Word) and stated.holds(met)
            changed = replace(stated, seen=False) if fits and isinstance(stated, ir.Word) else widened(kind, known)
            if changed is not None:  # else no 64 bits hold both: it has no value that a later round could use
                result[name] = changed
        elif met is not None:
            result[name] = met
    return None if result == head else result


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


def _bound(types: Types, operator: str, value: ir.Expression, other: ir.Expression) -> Types:
    """`types` where `value operator other` holds."""
    if not isinstance(value, ir.Local | ir.Bind) or not isinstance(other.type, ir.Word):
        return types
    known, limit = types.get(value.name, value.type if isinstance(value, ir.Bind) else None), other.type
    if not isinstance(known, ir.Word):
        return types
    low, high = known.low, known.high
    match operator:
        case "<" | "<=":
            high = min(high, limit.high - (operator == "<"))
        case ">" | ">=":
            low = max(low, limit.low + (operator == ">"))
        case "==":
            low, high = max(low, limit.low), min(high, limit.high)
        case "!=" if limit.low == limit.high:
            low, high = low + (low == limit.low), high - (high == limit.high)
    if low > high or (low < 0 and high > SIGNED_MAX):
        return types  # it never holds, or says nothing
    if (low, high) == (known.low, known.high):
        return types
    return types | {value.name: replace(known, low=low, high=high, seen=False)}


def _either(left: ir.Type, right: ir.Type) -> ir.Type | None:
    match left, right:
        case ir.Word(), ir.Word():
            return union(left, right)
        case ir.Pointer(), ir.Pointer():
            return replace(
                left, maybe=left.maybe or right.maybe, of_packet=left.of_packet or right.of_packet, owed=left.owed or right.owed,
                readonly=left.readonly or right.readonly,
            )
        case ir.InnerMap(), ir.InnerMap():
            return replace(left, maybe=left.maybe or right.maybe)
        case _:
            return left
