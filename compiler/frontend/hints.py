"""What to write instead: for constructs that the language has not, and for names that other languages would have."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

_SEE: Final = "see docs/kernel-python.md for what it can contain"
_RAISES: Final = "nothing is raised in the kernel: return early, and give the caller a number or None"
_OUTSIDE: Final = "move it to the level of the module"
_COLLECTIONS: Final = "what a program works on is a Struct, a fixed array of one (`Annotated[Array[u8], Count(16)]`) or a map"

# construct -> (what it is called, what to write instead)
_CONSTRUCTS: Final[dict[type[ast.AST], tuple[str, str]]] = {
    ast.Assert: ("an assert", "write `if not ...: return ...`"),
    ast.AsyncFor: ("an async for", "nothing waits in the kernel"),
    ast.AsyncWith: ("an async with", "nothing waits in the kernel"),
    ast.Await: ("an await", "nothing waits in the kernel"),
    ast.ClassDef: ("a class", _OUTSIDE),
    ast.Delete: ("a del", "names need not be deleted; of a map it is `table.delete(key)`"),
    ast.Dict: ("a dict", "declare a map at the level of the module: `table = HashMap(u32, Entry, 1024)`"),
    ast.DictComp: ("a comprehension", "write a loop"),
    ast.FunctionDef: ("a function inside", f"{_OUTSIDE}, and mark it with @function"),
    ast.GeneratorExp: ("a generator", "write a loop"),
    ast.Global: ("a global statement", "a number that outlives the run is `counter = variable(u64)` at the level of the module, read and written as `counter.value`"),
    ast.Import: ("an import", _OUTSIDE),
    ast.ImportFrom: ("an import", _OUTSIDE),
    ast.JoinedStr: ("an f-string", 'kernel programs have no text; printk takes a format and numbers: `printk("port %d", port)`'),
    ast.Lambda: ("a lambda", "write a @function at the level of the module"),
    ast.List: ("a list", _COLLECTIONS),
    ast.ListComp: ("a comprehension", "write a loop"),
    ast.Nonlocal: ("a nonlocal statement", "pass a Struct in, and set its fields"),
    ast.Raise: ("a raise", _RAISES),
    ast.Set: ("a set", _COLLECTIONS),
    ast.SetComp: ("a comprehension", "write a loop"),
    ast.Slice: ("a slice", "loop over the elements, or use `.word(at)` for eight bytes"),
    ast.Starred: ("a starred value", "write the values one by one"),
    ast.Try: ("a try", _RAISES),
    ast.Tuple: ("a tuple", "values may stand side by side in an assignment only: `a, b = b, a`; else use a Struct"),
    ast.Yield: ("a yield", "call a @function, or `repeat` with a @callback"),
    ast.YieldFrom: ("a yield", "call a @function, or `repeat` with a @callback"),
}
# what dicts and other languages call it -> what maps call it
_OF_MAPS: Final = {"get": "lookup", "find": "lookup", "lookup_elem": "lookup", "set": "update", "put": "update", "insert": "update", "update_elem": "update", "pop": "delete", "remove": "delete", "delete_elem": "delete"}


def refused(node: ast.AST) -> tuple[str, str]:
    """(what a construct is called in an error, a hint)."""
    if isinstance(node, ast.Constant):
        return f"the value {node.value!r} here", _of_value(node.value)
    if type(node) in _CONSTRUCTS:
        return _CONSTRUCTS[type(node)]
    name = type(node).__name__
    return ("an " if name[0] in "AEIOU" else "a ") + name, _SEE


def of_map_method(name: str, methods: Sequence[str]) -> str:
    """A hint for a method that a map has not."""
    meant = _OF_MAPS.get(name, name)
    if near := get_close_matches(meant, methods, 1):
        return f"did you mean `{near[0]}`?"
    return f"it has: {', '.join(methods)}; see docs/kernel-python.md"


def _of_value(value: object) -> str:
    match value:
        case str():
            return "kernel programs have no text: an address is a number (`int(IPv4Address(\"10.0.0.1\"))` at the level of the module), a name is bytes"
        case float() | complex():
            return "kernel programs have integers only: scale it (`n * 3 // 2`)"
        case _:
            return _SEE
