"""printk -> IR: a line in the kernel's trace, its format checked against its arguments.

bpf_trace_printk (helper 6) takes three arguments, bpf_trace_vprintk (177, since 5.16) up to twelve. What a format
may contain is what bpf_bprintf_prepare in kernel/trace/bpf_trace.c takes, as far as numbers go.
"""

from __future__ import annotations

import ast
import re

from pybpf.compiler.frontend import expressions
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import ArrayType

MAX_ARGUMENTS = 12  # MAX_BPRINTF_VARARGS
_PLACE = re.compile(r"%(?:%|(?P<flags>[0-9]*)(?P<size>ll|l|)(?P<kind>[dixuc]))")


def print_line(scope: Scope, node: ast.Call) -> ir.Expression:
    """`printk("port %d\\n", port)`."""
    match node.args:
        case [ast.Constant(value=str(text)), *rest] if rest or text:
            pass
        case _:
            raise scope.fail(node, "kernel-format", "printk takes a format in quotes, then its numbers", 'write printk("port %d", port)')
    places = _places(scope, node.args[0], text)
    if len(places) != len(rest) or len(rest) > MAX_ARGUMENTS:
        raise scope.fail(node, "kernel-format", f"the format has {len(places)} places for {len(rest)} arguments (at most {MAX_ARGUMENTS})", "give each argument one place: %d %u %x %c")
    arguments = tuple(expressions.word(scope, each) for each in rest)
    made = scope.uses.text(_PLACE.sub(_whole, text).encode() + b"\0")
    assert isinstance(made.type, ArrayType)
    place = scope.place(node)
    return ir.Print(place, ir.Nothing(), ir.GlobalAddress(place, ir.ArrayPointer(made.type), made.name), arguments)


def _places(scope: Scope, node: ast.expr, text: str) -> list[str]:
    """The places for numbers in a format."""
    if not text.isascii() or "\0" in text:
        raise scope.fail(node, "kernel-format", "a format is plain ASCII", "leave the other characters out")
    found: list[str] = []
    at = text.find("%")
    while at >= 0:
        match = _PLACE.match(text, at)
        if match is None:
            raise scope.fail(node, "kernel-format", f"{text[at : at + 2]!r} is not a place for a number", "use %d %u %x %c, or %% for the sign itself")
        if match["kind"]:
            found.append(match[0])
        at = text.find("%", match.end())
    return found


def _whole(place: re.Match[str]) -> str:
    """A place as the kernel is told of it: all numbers have 64 bits, so `%d` becomes `%lld`."""
    kind = place["kind"]
    return place[0] if not kind or kind == "c" else f"%{place['flags']}ll{kind}"
