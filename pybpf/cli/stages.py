"""Compilation -> the text of one stage on the way to the object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pybpf.compiler import Compilation
    from pybpf.compiler.lower.http_tables import HttpTables


def ir(compilation: Compilation) -> str:
    """The intermediate representation of every program of the object."""
    from pybpf.compiler.ir.show import show

    return show(compilation.whole().module)


def llvm(compilation: Compilation) -> str:
    """What LLVM is given."""
    return compilation.whole().llvm


def asm(compilation: Compilation) -> str:
    """What LLVM made of it, as BPF assembly."""
    return compilation.whole().assembly


def tables(compilation: Compilation) -> str:
    """The machine of each rule set: its rules, the columns of bytes, and what each row says.

    rule set 0: 1 rules, 90 states, 30 columns, start 700, 12,345 bytes, tag 0x1234abcd
      rule read-flights.yaml:21:9: GET /flights
      column 1: 09 20..7e
      state 4 REQUEST_LINE: 1>5 7>4
    """
    return "".join(f"{line}\n" for index, each in enumerate(compilation.tables) for line in _rule_set(index, each))


# --emit STAGE -> the function that shows it
STAGES: Final[dict[str, Callable[[Compilation], str]]] = {"asm": asm, "ir": ir, "llvm": llvm, "tables": tables}


def _rule_set(index: int, tables: HttpTables) -> Iterator[str]:
    from pybpf.compiler.automata import steps_of

    packed = tables.table
    columns = max(packed.columns)
    length_bytes = sum(len(content) for content in tables.arrays.values())
    yield (
        f"rule set {index}: {len(tables.rules)} rules, {packed.state_count} states, {columns} columns,"
        f" start {packed.start}, {length_bytes:,} bytes, tag {tables.tag:#010x}"
    )
    for rule in tables.rules:
        texts = {"method": rule.method, "path": rule.path} | ({"host": rule.host} if rule.host is not None else {})
        said = [f"{what} {text.text if text is not None else 'any'}" for what, text in texts.items()]
        said += [f"header {each.name} {each.match.text if each.match is not None else 'present'}" for each in rule.headers]
        yield f"  rule {rule.span}: {', '.join(said)}"
    for column in range(1, columns + 1):
        yield f"  column {column}: {_ranges([byte for byte in range(256) if packed.columns[byte] == column])}"
    bases = sorted(filter(None, packed.bases))
    meanings = dict(zip(bases, tables.actions, strict=False))
    for base in bases:
        steps = " ".join(f"{column if column <= columns else 'else'}>{target}" for column, target in steps_of(packed, base).items())
        meaning = f" {meanings[base].name}" if base in meanings else ""
        yield f"  state {base}{meaning}: {steps}".rstrip()


def _ranges(members: list[int]) -> str:
    """Bytes in hexadecimal, neighbours joined: "09 20..7e"."""
    firsts = [byte for byte in members if byte - 1 not in members]
    lasts = [byte for byte in members if byte + 1 not in members]
    pairs = zip(firsts, lasts, strict=True)
    return " ".join(f"{first:02x}" if first == last else f"{first:02x}..{last:02x}" for first, last in pairs)
