"""IR types -> LLVM types."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir as ll

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Width

I1, I8, I32, I64 = ll.IntType(1), ll.IntType(8), ll.IntType(32), ll.IntType(64)
POINTER = ll.PointerType()


def opaque(variable: ll.Value) -> ll.Value:
    """An alloca or global as the plain pointer it is: llvmlite gives them typed pointers, which LLVM no longer has."""
    variable.type = POINTER
    return variable


def value_type(kind: ir.Type) -> ll.Type:
    """The LLVM type of a value in a register."""
    match kind:
        case ir.Word():
            return I64
        case ir.Bool():
            return I1
        case ir.Pointer() | ir.ArrayPointer() | ir.Context() | ir.Address() | ir.InnerMap() | ir.Memory():
            return POINTER
        case ir.Nothing():
            return ll.VoidType()


def memory_type(kind: ir.Type) -> ll.Type:
    """The LLVM type in which a function outside takes or gives a value: numbers in their own width."""
    if isinstance(kind, ir.Word):
        return ll.IntType(width_of_range(kind.low, kind.high).bits)
    return value_type(kind)


def width_of_range(low: int, high: int) -> Width:
    """The smallest integer type that has all numbers from `low` to `high`."""
    sizes = (Width(bits, signed=low < 0) for bits in (8, 16, 32, 64))
    return next(each for each in sizes if each.low <= low and high <= each.high)


def volatile(access: ll.Instruction) -> ll.Instruction:
    """A load or store made volatile, which llvmlite has no word for: the word is put into its text."""
    plain = access.descr

    def described(buffer: list[str]) -> None:
        lines: list[str] = []
        plain(lines)
        buffer.extend(line.replace(f"{access.opname} ", f"{access.opname} volatile ", 1) for line in lines)

    access.descr = described
    return access


@dataclass(frozen=True, slots=True)
class HelperAddress:
    """A kernel helper as a callee: its number as a constant address. The fields are those llvmlite reads."""

    number: int
    function_type: ll.FunctionType
    type: ll.Type = POINTER
    attributes: tuple[str, ...] = ()

    def get_reference(self) -> str:
        """The callee as LLVM text."""
        return f"inttoptr (i64 {self.number} to ptr)"


class AccessIndex(ll.Instruction):  # type: ignore[misc]  # llvmlite has no types
    """A call of llvm.preserve.struct.access.index: the address of field `index` of `struct`, to be relocated (CO-RE).

    llvmlite has no word for the elementtype of an argument, so the instruction writes itself.
    """

    def __init__(self, block: ll.Block, struct: ll.Type, base: ll.Value, index: int, name: str = "") -> None:
        super().__init__(block, POINTER, "call", [base], name=name)
        self.struct, self.index = struct, index

    def descr(self, buffer: list[str]) -> None:
        """The instruction as text."""
        (base,) = self.operands
        buffer.append(
            f"call ptr @llvm.preserve.struct.access.index.p0.p0(ptr elementtype({self.struct}) {base.get_reference()}, "
            f"i32 {self.index}, i32 {self.index}){self._stringify_metadata(leading_comma=True)}\n"
        )


@dataclass(frozen=True, slots=True)
class ExternAddress:
    """A function of the kernel's own as a callee. Its declaration is written by emit.py: llvmlite has no section for one."""

    name: str
    function_type: ll.FunctionType
    type: ll.Type = POINTER
    attributes: tuple[str, ...] = ()

    def get_reference(self) -> str:
        """The callee as LLVM text."""
        return f"@{self.name}"
