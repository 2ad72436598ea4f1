"""Expressions -> LLVM values: arithmetic, memory, calls, packet and map access.

What the verifier needs shapes this file: packet bounds are compared on the pointer that is then used, context
fields are read through llvm.preserve.static.offset (else LLVM merges two reads into one the verifier refuses),
every access has its alignment written out.
"""

from __future__ import annotations

from llvmlite import ir as ll

from pybpf.compiler.codegen.types import (
    I1,
    I8,
    I32,
    I64,
    POINTER,
    HelperAddress,
    opaque,
    value_type,
    volatile,
)
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Declaration, Width
from pybpf.compiler.lang.helpers import LOOP, Pass, Result
from pybpf.compiler.lang.skb import SKB_DATA_END_OFFSET, SKB_DATA_OFFSET

ARITHMETIC = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "udiv", "mod": "urem",
    "and": "and_", "or": "or_", "xor": "xor", "shl": "shl", "shr": "lshr",
}  # fmt: skip


class ValueEmitter:
    """The part of the cursor that makes values; `at` is where instructions go, `entry` where allocas go."""

    def __init__(self, module: ll.Module, function: ll.Function, functions: dict[str, ll.Function]) -> None:
        self.module, self.function, self.functions = module, function, functions
        self.locals: dict[str, ll.Instruction] = {}
        self.storage: dict[str, ll.Instruction] = {}
        self.entry = ll.IRBuilder(function.append_basic_block("entry"))
        self.at = ll.IRBuilder(function.append_basic_block("start"))

    def value(self, node: ir.Expression) -> ll.Value:
        """The value of an expression."""
        match node:
            case ir.Constant(value=value, type=kind):
                return ll.Constant(value_type(kind), value)
            case ir.Null():
                return ll.Constant(POINTER, None)
            case ir.Local(name=name):
                return self.at.load(self.locals[name], typ=self.locals[name].allocated_type)
            case ir.Storage(name=name):
                return self.storage[name]
            case ir.GlobalAddress(name=name):
                return self.module.globals[name]
            case ir.Offset(base=base, octets=octets):
                return self.address(base, octets)
            case ir.Load(base=base, offset=offset, width=width):
                loaded = self.at.load(self.address(base, offset), typ=ll.IntType(width.bits), align=self.alignment(offset, width.bits))
                return self.widened(volatile(loaded) if width.volatile else loaded, width.bits, width.order)
            case ir.LoadElement(base=base, index=index, stride=stride, bits=bits, order=order):
                loaded = self.at.load(self.element(base, index, stride), typ=ll.IntType(bits), align=bits // 8)
                return self.widened(loaded, bits, order)
            case ir.ContextField(context=context, offset=offset):
                return self.at.zext(self.context_field(self.value(context), offset), I64)
            case ir.Header():
                return self.header(node)
            case ir.Call(function=name, arguments=arguments):
                return self.at.call(self.functions[name], [self.value(each) for each in arguments])
            case ir.HelperCall():
                return self.helper(node)
            case ir.Repeat(rounds=rounds, function=function):
                signature = ll.FunctionType(I64, [I64, POINTER, POINTER, I64])
                passed = [self.value(rounds), self.functions[function], ll.Constant(POINTER, None), ll.Constant(I64, 0)]
                return self.at.call(HelperAddress(LOOP, signature), passed)
            case ir.CompareExchange():
                return self.compare_exchange(node)
            case _:
                return self.computed(node)

    def computed(self, node: ir.Expression) -> ll.Value:
        """Values made of other values."""
        match node:
            case ir.Binary(operator=operator, left=left, right=right):
                made: ll.Value = getattr(self.at, ARITHMETIC[operator])(self.value(left), self.value(right))
                return made
            case ir.Invert(value=value):
                return self.at.xor(self.value(value), ll.Constant(I64, (1 << 64) - 1))
            case ir.Compare(operator=operator, left=left, right=right):
                return self.at.icmp_unsigned(operator, self.value(left), self.value(right))
            case ir.Not(value=value):
                return self.at.xor(self.value(value), ll.Constant(I1, 1))
            case ir.IsNone(value=value):
                return self.at.icmp_unsigned("==", self.value(value), ll.Constant(POINTER, None))
            case ir.Logic():
                true, false = (ir.Constant(node.place, ir.Bool(), each) for each in (1, 0))
                return self.chosen(node, true, false, I1)
            case ir.Choose(test=test, then=then, other=other):
                return self.chosen(test, then, other, I64)
        raise AssertionError(node)

    def branch(self, test: ir.Expression, yes: ll.Block, no: ll.Block) -> None:
        """Jump on a condition; `and` and `or` become jumps, so that loads stay behind their checks."""
        match test:
            case ir.Not(value=value):
                self.branch(value, no, yes)
            case ir.Logic(operator=operator, left=left, right=right):
                middle = self.function.append_basic_block(operator)
                self.branch(left, *((yes, middle) if operator == "or" else (middle, no)))
                self.at.position_at_end(middle)
                self.branch(right, yes, no)
            case _:
                self.at.cbranch(self.value(test), yes, no)

    def chosen(self, test: ir.Expression, then: ir.Expression, other: ir.Expression, kind: ll.Type) -> ll.Value:
        """One of two values, by jumps."""
        yes, no, after = (self.function.append_basic_block(name) for name in ("then", "else", "chosen"))
        self.branch(test, yes, no)
        incoming = []
        for start, node in ((yes, then), (no, other)):
            self.at.position_at_end(start)
            incoming.append((self.value(node), self.at.block))
            self.at.branch(after)
        self.at.position_at_end(after)
        result = self.at.phi(kind)
        for value, block in incoming:
            result.add_incoming(value, block)
        return result

    def address(self, base: ir.Expression, offset: int) -> ll.Value:
        """`base` plus a constant number of bytes."""
        made = self.value(base)
        return self.at.gep(made, [ll.Constant(I64, offset)], source_etype=I8) if offset else made

    def element(self, base: ir.Expression, index: ir.Expression, stride: int) -> ll.Value:
        """The address of an array's element."""
        return self.at.gep(self.value(base), [self.index(index)], source_etype=ll.IntType(8 * stride))

    def index(self, node: ir.Expression) -> ll.Value:
        """An index. A mask on it stays an instruction: LLVM would drop it where it knows the range from what the
        verifier cannot follow (a remainder, a shifted constant)."""
        match node:
            case ir.Binary(operator="and", left=left, right=ir.Constant(value=mask)):
                return self.at.and_(self.hidden(self.value(left)), ll.Constant(I64, mask))
            case ir.Binary(operator="add", left=left, right=ir.Constant(value=more)):
                return self.at.add(self.index(left), ll.Constant(I64, more))
            case _:
                return self.value(node)

    def hidden(self, value: ll.Value) -> ll.Value:
        """The same word, of which LLVM knows nothing: an empty piece of assembly, which unlike llvm.bpf.passthrough
        lasts to the end of the back end (where known bits drop masks, too)."""
        return self.at.call(ll.InlineAsm(ll.FunctionType(I64, [I64]), "", "=r,0"), [value])

    def alignment(self, offset: int, bits: int) -> int:
        """What is claimed of an access at `offset` of a struct, in bytes.

        Stack and map values start at multiples of 8, so there it is true. Of packets it is a claim that C
        compilers make of struct iphdr too: the machine does not mind, and LLVM then reads a word as a word.
        """
        size = bits // 8
        return min(size, offset & -offset) if offset else size

    def widened(self, value: ll.Value, bits: int, order: str) -> ll.Value:
        """Memory -> word."""
        if order == "big" and bits > 8:
            value = self.at.bswap(value)
        return self.at.zext(value, I64) if bits < 64 else value

    def narrowed(self, value: ll.Value, bits: int, order: str) -> ll.Value:
        """Word -> memory."""
        value = self.at.trunc(value, ll.IntType(bits)) if bits < 64 else value
        return self.at.bswap(value) if order == "big" and bits > 8 else value

    def zero(self, target: ll.Value, octets: int) -> None:
        """Clear a struct on the stack, which is aligned to 8."""
        for offset, size in _pieces(octets):
            place = self.at.gep(target, [ll.Constant(I64, offset)], source_etype=I8)
            self.at.store(ll.Constant(ll.IntType(8 * size), 0), place, align=size)

    def copy(self, target: ll.Value, source: ll.Value, octets: int) -> None:
        """Copy word by word: memcpy of unknown alignment goes byte by byte."""
        for offset, size in _pieces(octets):
            one, two = (self.at.gep(each, [ll.Constant(I64, offset)], source_etype=I8) for each in (source, target))
            self.at.store(self.at.load(one, typ=ll.IntType(8 * size), align=size), two, align=size)

    def context_field(self, context: ll.Value, offset: int) -> ll.Value:
        """A 32-bit context field, read at a constant offset that survives optimisation."""
        kind = ll.FunctionType(POINTER, [POINTER])
        pinned = self.at.call(self.module.declare_intrinsic("llvm.preserve.static.offset", (), kind), [context])
        return self.at.load(self.at.gep(pinned, [ll.Constant(I64, offset)], source_etype=I8), typ=I32, align=4)

    def header(self, node: ir.Header) -> ll.Value:
        """data + offset when the struct ends at or before data_end, else null."""
        assert isinstance(node.type, ir.Pointer)
        context = self.value(node.context)
        data, end = (
            self.at.inttoptr(self.at.zext(self.context_field(context, offset), I64), POINTER) for offset in (SKB_DATA_OFFSET, SKB_DATA_END_OFFSET)
        )
        start = self.at.gep(data, [self.value(node.offset)], source_etype=I8)
        stop = self.at.gep(start, [ll.Constant(I64, node.type.struct.size_bytes)], source_etype=I8)
        return self.at.select(self.at.icmp_unsigned("<=", stop, end), start, ll.Constant(POINTER, None))

    def compare_exchange(self, node: ir.CompareExchange) -> ll.Value:
        """Sequentially consistent compare and swap: what was found."""
        wanted, desired = (self.narrowed(self.value(each), node.bits, "little") for each in (node.expected, node.desired))
        pair = self.at.cmpxchg(self.address(node.base, node.offset), wanted, desired, "seq_cst", "seq_cst")
        return self.widened(self.at.extract_value(pair, 0), node.bits, "little")

    def helper(self, node: ir.HelperCall) -> ll.Value:
        """A call of a helper by its number, its arguments as its row of the table says."""
        pending = list(node.arguments)
        arguments: list[ll.Value] = []
        size = 0
        for kind in node.helper.arguments:
            if kind in (Pass.SCALAR, Pass.MEMORY, Pass.LENGTH, Pass.KEY):
                argument = pending.pop(0)
                size = _size(argument.type) if kind is Pass.MEMORY else size
                arguments.append(self.argument(node, kind, argument, size))
            elif kind is Pass.MAP:
                assert node.map is not None
                arguments.append(self.module.globals[node.map.name])
            elif kind is Pass.CONTEXT:
                assert node.context is not None
                arguments.append(self.value(node.context))
            else:
                arguments.append(ll.Constant(I64, size if kind is Pass.MEMORY_SIZE else 0))
        returns = POINTER if node.helper.result is Result.NULLABLE else I64
        signature = ll.FunctionType(returns, [each.type for each in arguments])
        result = self.at.call(HelperAddress(node.helper.number, signature), arguments)
        return self.helper_result(node.helper.result, result)

    def helper_result(self, kind: Result, result: ll.Value) -> ll.Value:
        """R0 as the program sees it."""
        match kind:
            case Result.SUCCESS:
                return self.at.icmp_unsigned("==", result, ll.Constant(I64, 0))
            case Result.UNSIGNED32:
                return self.at.and_(result, ll.Constant(I64, 0xFFFFFFFF))
            case Result.NUMBER | Result.NULLABLE | Result.NOTHING:
                return result

    def argument(self, node: ir.HelperCall, kind: Pass, argument: ir.Expression, size: int) -> ll.Value:
        """One Python argument of a helper, as its register is filled."""
        match kind:
            case Pass.KEY:
                assert node.map is not None
                return self.key(argument, node.map.declaration)
            case Pass.LENGTH:
                return self.length(self.value(argument), size)
            case _:
                return self.value(argument)

    def length(self, value: ll.Value, size: int) -> ll.Value:
        """A length from 1 to the largest power of two in `size`, so written that the verifier sees both ends."""
        below = self.at.sub(self.hidden(value), ll.Constant(I64, 1))
        masked = self.at.and_(below, ll.Constant(I64, (1 << (size.bit_length() - 1)) - 1))
        return self.at.add(masked, ll.Constant(I64, 1))

    def key(self, argument: ir.Expression, declaration: Declaration) -> ll.Value:
        """The address of a map key; a number is put on the stack first, as the map has it."""
        if isinstance(argument.type, ir.Pointer):
            return self.value(argument)
        width = declaration.key
        assert isinstance(width, Width)
        slot = opaque(self.entry.alloca(ll.IntType(width.bits), name="key"))
        self.at.store(self.narrowed(self.value(argument), width.bits, width.order), slot, align=width.octets)
        return slot


def _size(kind: ir.Type) -> int:
    match kind:
        case ir.Pointer(struct=struct):
            return struct.size_bytes
        case ir.ArrayPointer(array=array):
            return array.octets
    raise AssertionError(kind)


def _pieces(octets: int) -> list[tuple[int, int]]:
    """(offset, size) pieces that cover `octets` bytes: words, then what is left."""
    pieces, offset = [], 0
    while offset < octets:
        size = next(size for size in (8, 4, 2, 1) if size <= octets - offset)
        pieces.append((offset, size))
        offset += size
    return pieces
