"""Numbered metadata nodes as LLVM text.

llvmlite's own metadata hashes a node by the whole graph behind it, which never ends on a graph with a circle
and is slow on a deep one. These nodes are lines of text; equal lines are one node.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Token:
    """A bare word of LLVM's language: a DWARF constant, a flag, a nested node."""

    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """A reference to a metadata node; instructions and other nodes carry it."""

    number: int

    def get_reference(self) -> str:
        """The node as LLVM text refers to it; llvmlite calls this for attached metadata."""
        return f"!{self.number}"


Operand = int | str | bool | Token | Node | None


class Metadata:
    """The nodes of one module, in the order they were made."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._known: dict[str, Node] = {}
        self._named: list[str] = []

    def node(self, kind: str, **operands: Operand) -> Node:
        """A specialised node such as !DIFile(...); equal ones are shared."""
        return self._shared(_specialised(kind, operands))

    def distinct(self, kind: str, **operands: Operand) -> Node:
        """A node with an identity of its own."""
        return self._append("distinct " + _specialised(kind, operands))

    def sequence(self, items: list[Operand]) -> Node:
        """A tuple of nodes and constants."""
        return self._shared(f"!{{{', '.join(_shown(item) for item in items)}}}")

    def reserve(self) -> Node:
        """A tuple to be filled later, for graphs with a circle."""
        return self._append("")

    def fill(self, node: Node, items: list[Operand]) -> None:
        """The content of a reserved tuple."""
        self._lines[node.number] = f"!{{{', '.join(_shown(item) for item in items)}}}"

    def name(self, name: str, node: Node) -> None:
        """Named metadata of one node, such as !llvm.dbg.cu."""
        self._named.append(f"!{name} = !{{{node.get_reference()}}}")

    def text(self) -> str:
        """All of it, to stand at the end of the module."""
        return "\n".join([*self._named, *(f"!{number} = {line}" for number, line in enumerate(self._lines)), ""])

    def _shared(self, line: str) -> Node:
        if line not in self._known:
            self._known[line] = self._append(line)
        return self._known[line]

    def _append(self, line: str) -> Node:
        self._lines.append(line)
        return Node(len(self._lines) - 1)


def _specialised(kind: str, operands: dict[str, Operand]) -> str:
    return f"!{kind}({', '.join(f'{name}: {_shown(value)}' for name, value in operands.items())})"


def _shown(value: Operand) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _text(value)
        case Token(text=text):
            return text
        case Node():
            return value.get_reference()


@lru_cache(maxsize=256)
def _text(value: str) -> str:
    """A string as LLVM has it. Sources are whole files, and come once for each function of theirs."""
    return '"' + "".join(map(_QUOTED.__getitem__, value.encode())) + '"'


_QUOTED = [chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:02X}" for byte in range(256)]
