"""The IR: a typed, structured tree. Expressions yield a value, statements do not.

A number is a Word: 64 bits, and a type that says which numbers they can be (arithmetic.py says what operators do
to both). A bool is a bool; memory is reached only through pointers that know their struct. Every node knows its place in the Python source. Shapes only: meaning is in run.py.
Import this as `ir`: expressions, statements and the types of values live in files of their own and are reached here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pybpf.compiler.diag import Source
from pybpf.compiler.ir.expressions import Atomic as Atomic
from pybpf.compiler.ir.expressions import Binary as Binary
from pybpf.compiler.ir.expressions import Bind as Bind
from pybpf.compiler.ir.expressions import Call as Call
from pybpf.compiler.ir.expressions import Choose as Choose
from pybpf.compiler.ir.expressions import Compare as Compare
from pybpf.compiler.ir.expressions import CompareExchange as CompareExchange
from pybpf.compiler.ir.expressions import Constant as Constant
from pybpf.compiler.ir.expressions import ContextField as ContextField
from pybpf.compiler.ir.expressions import Convert as Convert
from pybpf.compiler.ir.expressions import Expression as Expression
from pybpf.compiler.ir.expressions import FunctionAddress as FunctionAddress
from pybpf.compiler.ir.expressions import GlobalAddress as GlobalAddress
from pybpf.compiler.ir.expressions import Header as Header
from pybpf.compiler.ir.expressions import HelperCall as HelperCall
from pybpf.compiler.ir.expressions import Invert as Invert
from pybpf.compiler.ir.expressions import IsNone as IsNone
from pybpf.compiler.ir.expressions import KernelAt as KernelAt
from pybpf.compiler.ir.expressions import KernelRead as KernelRead
from pybpf.compiler.ir.expressions import KfuncCall as KfuncCall
from pybpf.compiler.ir.expressions import Load as Load
from pybpf.compiler.ir.expressions import LoadElement as LoadElement
from pybpf.compiler.ir.expressions import Local as Local
from pybpf.compiler.ir.expressions import Logic as Logic
from pybpf.compiler.ir.expressions import MapAddress as MapAddress
from pybpf.compiler.ir.expressions import Not as Not
from pybpf.compiler.ir.expressions import Null as Null
from pybpf.compiler.ir.expressions import Offset as Offset
from pybpf.compiler.ir.expressions import Place as Place
from pybpf.compiler.ir.expressions import Print as Print
from pybpf.compiler.ir.expressions import Repeat as Repeat
from pybpf.compiler.ir.expressions import SizeOf as SizeOf
from pybpf.compiler.ir.expressions import Slice as Slice
from pybpf.compiler.ir.expressions import Storage as Storage
from pybpf.compiler.ir.expressions import Swap as Swap
from pybpf.compiler.ir.statements import Assign as Assign
from pybpf.compiler.ir.statements import Break as Break
from pybpf.compiler.ir.statements import Clear as Clear
from pybpf.compiler.ir.statements import Continue as Continue
from pybpf.compiler.ir.statements import Copy as Copy
from pybpf.compiler.ir.statements import Evaluate as Evaluate
from pybpf.compiler.ir.statements import For as For
from pybpf.compiler.ir.statements import If as If
from pybpf.compiler.ir.statements import Iterate as Iterate
from pybpf.compiler.ir.statements import Locked as Locked
from pybpf.compiler.ir.statements import Return as Return
from pybpf.compiler.ir.statements import Statement as Statement
from pybpf.compiler.ir.statements import Store as Store
from pybpf.compiler.ir.statements import StoreContext as StoreContext
from pybpf.compiler.ir.statements import StoreElement as StoreElement
from pybpf.compiler.ir.types import Address as Address
from pybpf.compiler.ir.types import ArrayPointer as ArrayPointer
from pybpf.compiler.ir.types import Bool as Bool
from pybpf.compiler.ir.types import Context as Context
from pybpf.compiler.ir.types import InnerMap as InnerMap
from pybpf.compiler.ir.types import Memory as Memory
from pybpf.compiler.ir.types import Nothing as Nothing
from pybpf.compiler.ir.types import Pointer as Pointer
from pybpf.compiler.ir.types import Type as Type
from pybpf.compiler.ir.types import Word as Word
from pybpf.compiler.lang import ArrayType, Declaration, Role, Struct


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter and its type."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `section` is set for programs; those with role FUNCTION are inlined into their callers.

    A callback is called by the kernel with `given` arguments, of which it takes those after the first `hidden`.
    """

    name: str
    role: Role
    section: str
    source: Source
    place: Place
    parameters: tuple[Parameter, ...]
    result: Type
    locals: tuple[tuple[str, Type], ...]
    storage: tuple[tuple[str, type[Struct]], ...]
    body: tuple[Statement, ...]
    hidden: int = 0
    given: int = 2


@dataclass(frozen=True, slots=True)
class Kfunc:
    """A function of the kernel's own, as the program declares it. `stand_in` is what the interpreter runs."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Type
    stand_in: Callable[..., Any] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Map:
    """A map under its kernel name."""

    name: str
    declaration: Declaration


@dataclass(frozen=True, slots=True)
class Global:
    """Bytes in a data section: an array, a struct or a bytes constant."""

    name: str
    section: str
    type: ArrayType | type[Struct]
    content: bytes


@dataclass(frozen=True, slots=True)
class Module:
    """Everything that goes into one object, callees before callers."""

    functions: tuple[Function, ...]
    maps: tuple[Map, ...]
    globals: tuple[Global, ...]
    license: str
    kfuncs: tuple[Kfunc, ...] = ()
