"""Small typed kernel programs, made up: every construct of the language, in any order, on numbers of every width and sign.

Two kinds. EXACT ones cut back every result that could leave 64 bits, or the field it is stored in, so that CPython's
unbounded numbers agree; WRAPPING ones do not, and CPython is left out. The front end refuses some, for what it cannot
know: those are passed over, and counted. A seed and a number name a program for ever.
"""

from __future__ import annotations

from tests.compiler.generated_header import EPILOGUE, HEADER, PROLOGUE
from tests.compiler.generated_numbers import Kind
from tests.compiler.generated_statements import indented, program

__all__ = ["Kind", "module_text"]


def module_text(kind: Kind, seed: object, numbers: range) -> str:
    """The text of a module of programs, called case_0, case_1, ... by the numbers asked for."""
    return HEADER + "".join(_text(kind, seed, number) for number in numbers)


def _text(kind: Kind, seed: object, number: int) -> str:
    body = [*PROLOGUE.strip().split("\n"), *program(f"{seed} {kind.name} {number}", kind), *EPILOGUE.strip().split("\n")]
    return "\n".join(["", "", '@program("tc")', f"def case_{number}(packet: Skb) -> int:", *indented(body), ""])
