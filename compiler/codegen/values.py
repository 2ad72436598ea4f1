"""Expressions -> LLVM values: arithmetic, memory, calls, packet and map access.

What the verifier needs shapes this file: packet bounds are compared on the pointer that is then used, context
fields are read through llvm.preserve.static.offset (else LLVM merges two reads into one the verifier refuses),
every access has its alignment written out. Calls are in calling.py, arithmetic in numbers.py.
"""

from __future__ import annotations

from llvmlite import ir as ll

from pybpf.compiler.codegen.numbers import arithmetic, compared, is_followed
from pybpf.compiler.codegen.types import I1, I8, I32, I64, POINTER, value_type, volatile
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.alignment import Addresses, multiple
from pybpf.compiler.lang import ContextField, KernelObject, Width

_FULL = frozenset((1 << bits) - 1 for bits in (8, 16, 32, 64))  # the largest numbers of each width

_STRICTEST = 16  # more than anything is aligned to
_UNDEFINED_FOR_SOME = ("div", "mod", "shl", "shr")  # by 0, by 64 and more


class ValueEmitter:
    """The part of the cursor that makes values; `at` is where instructions go, `entry` where allocas go."""

    def __init__(self, module: ll.Module, function: ll.Function, functions: dict[str, ll.Function], addresses: Addresses) -> None:
        self.module, self.function, self.functions, self.addresses = module, function, functions, addresses
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
                loaded = self.at.load(self.address(base, offset), typ=ll.IntType(width.bits), align=self.alignment(base, offset, width.octets))
                if _is_kernels(base):
                    loaded = self.apart(loaded, offset)
                return self.widened(volatile(loaded) if width.volatile else loaded, width)
            case ir.LoadElement(base=base, index=index, stride=stride, width=width):
                place = self.element(base, index, stride)
                return self.widened(self.at.load(place, typ=ll.IntType(width.bits), align=self.step(base, stride, width)), width)
            case ir.ContextField(context=context, field=field):
                return self.context_field(self.value(context), field)
            case ir.KernelAt(value=value):
                return self.at.inttoptr(self.value(value), POINTER)
            case ir.KernelRead():
                return self.kernel_read(node)
            case ir.Header():
                return self.header(node)
            case ir.Slice():
                return self.slice(node)
            case ir.Call() | ir.KfuncCall() | ir.HelperCall() | ir.Repeat() | ir.Print() | ir.FunctionAddress() | ir.MapAddress() | ir.SizeOf() | ir.CompareExchange() | ir.Atomic():
                return self.called(node)
            case _:
                return self.computed(node)

    def computed(self, node: ir.Expression) -> ll.Value:
        """Values made of other values."""
        match node:
            case ir.Binary(operator="and", left=left, right=ir.Constant(value=mask)) if _is_surmised(left.type):
                return self.at.and_(self.hidden(self.value(left)), ll.Constant(I64, mask))
            case ir.Binary(left=left, right=right):
                made = arithmetic(self.at, node, self.value(left), self.operand(node.operator, right))
                return made if is_followed(node) else self.hidden(made)
            case ir.Invert(value=value):
                return self.at.xor(self.value(value), ll.Constant(I64, (1 << 64) - 1))
            case ir.Convert(value=value, width=width):
                converted = self.value(value)
                return converted if width.bits == 64 else self.widened(self.at.trunc(converted, ll.IntType(width.bits)), width)
            case ir.Swap(value=value, bits=bits):
                swapped = self.at.bswap(self.at.trunc(self.value(value), ll.IntType(bits)) if bits < 64 else self.value(value))
                return self.at.zext(swapped, I64) if bits < 64 else swapped
            case ir.Bind(name=name, value=value):
                bound = self.value(value)
                self.at.store(bound, self.locals[name])
                return bound
            case ir.Compare(left=left, right=right):
                return compared(self.at, node, self.value(left), self.value(right))
            case ir.Not(value=value):
                return self.at.xor(self.value(value), ll.Constant(I1, 1))
            case ir.IsNone(value=value):
                return self.at.icmp_unsigned("==", self.value(value), ll.Constant(POINTER, None))
            case ir.Logic():
                true, false = (ir.Constant(node.place, ir.Bool(), each) for each in (1, 0))
                return self.chosen(node, true, false, I1)
            case ir.Choose(test=test, then=then, other=other):
                return self.chosen(test, then, other, value_type(node.type))
        raise AssertionError(node)

    def operand(self, operator: str, right: ir.Expression) -> ll.Value:
        """The right side of an operator. Where LLVM finds that a way is never gone, a divisor is whatever suits it there,
        0 too, and then the result is a register that nobody set; the verifier, which goes that way, refuses. So it is not
        to know divisors and amounts of shifts that vary. One that can be a single number is that number: what is said
        of quotients and shifts by constants counts on it, however the number is come by."""
        value, kind = self.value(right), right.type
        assert isinstance(kind, ir.Word)
        if operator not in _UNDEFINED_FOR_SOME:
            return value
        return ll.Constant(I64, kind.low) if kind.low == kind.high else self.hidden(value)

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
        """`base` plus a constant number of bytes. Of a kernel object at exactly that offset, as for the context."""
        made = self.value(base)
        if _is_kernels(base):
            return self.pinned(made, offset)
        return self.at.gep(made, [ll.Constant(I64, offset)], source_etype=I8) if offset else made

    def element(self, base: ir.Expression, index: ir.Expression, stride: int) -> ll.Value:
        """The address of an array's element. How the array is aligned is hidden from an index that is smaller: the back end
        adds that with `or`, which the verifier does not let happen to an address."""
        assert isinstance(index.type, ir.Word)
        is_small = not isinstance(index, ir.Constant) and index.type.high * stride < _STRICTEST
        pointer = self.hidden(self.value(base)) if is_small else self.value(base)
        return self.at.gep(pointer, [self.bounded(index)], source_etype=ll.IntType(8 * stride))

    def bounded(self, node: ir.Expression) -> ll.Value:
        """A number that stays within its type to the verifier, too: what it does not see is compared once more."""
        assert isinstance(node.type, ir.Word)
        if node.type.seen or isinstance(node, ir.Constant):
            return self.index(node)
        value = self.hidden(self.value(node))
        high = ll.Constant(I64, node.type.high)
        if node.type.signed:
            low = ll.Constant(I64, node.type.low)
            value = self.at.select(self.at.icmp_signed("<=", value, high), value, high)
            return self.at.select(self.at.icmp_signed(">=", value, low), value, low)
        return self.at.select(self.at.icmp_unsigned("<=", value, high), value, high)

    def index(self, node: ir.Expression) -> ll.Value:
        """An index. A mask on it stays an instruction: LLVM would drop it where it knows the range from what the
        verifier cannot follow (a remainder, a shifted constant)."""
        match node:
            case ir.Binary(operator="and", left=left, right=ir.Constant(value=mask)):
                return self.at.and_(self.hidden(self.value(left)), ll.Constant(I64, mask))
            case ir.Binary(operator="mod", left=left, right=ir.Constant(value=divisor)) if is_followed(node):
                return self.at.and_(self.hidden(self.value(left)), ll.Constant(I64, divisor - 1))
            case ir.Binary(operator="add", left=left, right=ir.Constant(value=more)):
                return self.at.add(self.index(left), ll.Constant(I64, more))
            case _:
                return self.value(node)

    def hidden(self, value: ll.Value) -> ll.Value:
        """The same word, of which LLVM knows nothing: an empty piece of assembly, which unlike llvm.bpf.passthrough
        lasts to the end of the back end (where known bits drop masks, too)."""
        return self.at.call(ll.InlineAsm(ll.FunctionType(value.type, [value.type]), "", "=r,0"), [value])

    def alignment(self, base: ir.Expression, offset: int, size: int) -> int:
        """What is claimed of an access to `size` bytes at `offset` of a struct, in bytes.

        Where it may be to the stack it is what is so: the verifier takes no other. Of the rest it is a claim that C compilers
        make of struct iphdr too, of each struct by itself: the machine does not mind, and LLVM then reads a word as a word.
        """
        stack = self.addresses.of(base).stack
        if stack:
            return min(size, multiple(stack, offset))
        return min(size, offset & -offset) if offset else size

    def step(self, base: ir.Expression, stride: int, width: Width) -> int:
        """What is claimed of an access to an element. The eight bytes of `.word(at)` lie anywhere, too."""
        aligned = self.alignment(base, 0, width.octets)
        return min(stride, aligned) if self.addresses.of(base).stack else aligned

    def widened(self, value: ll.Value, width: Width) -> ll.Value:
        """Memory -> word."""
        if width.order == "big" and width.bits > 8:
            value = self.at.bswap(value)
        if width.bits == 64:
            return value
        return self.at.sext(value, I64) if width.signed else self.at.zext(value, I64)

    def narrowed(self, value: ll.Value, width: Width) -> ll.Value:
        """Word -> memory."""
        value = self.at.trunc(value, ll.IntType(width.bits)) if width.bits < 64 else value
        return self.at.bswap(value) if width.order == "big" and width.bits > 8 else value

    def zero(self, target: ll.Value, octets: int) -> None:
        """Clear a struct on the stack, which is aligned to 8."""
        for offset, size in _pieces(octets):
            place = self.at.gep(target, [ll.Constant(I64, offset)], source_etype=I8)
            self.at.store(ll.Constant(ll.IntType(8 * size), 0), place, align=size)

    def copy(self, node: ir.Copy) -> None:
        """Copy word by word: memcpy of unknown alignment goes byte by byte."""
        target, source = self.value(node.target), self.value(node.source)
        for offset, size in _pieces(node.octets):
            one, two = (self.at.gep(each, [ll.Constant(I64, offset)], source_etype=I8) for each in (source, target))
            loaded = self.at.load(one, typ=ll.IntType(8 * size), align=self.alignment(node.source, offset, size))
            self.at.store(loaded, two, align=self.alignment(node.target, offset, size))

    def pinned(self, base: ll.Value, offset: int) -> ll.Value:
        """An address at a constant offset that survives optimisation."""
        kind = ll.FunctionType(POINTER, [POINTER])
        held = self.at.call(self.module.declare_intrinsic("llvm.preserve.static.offset", (), kind), [base])
        return self.at.gep(held, [ll.Constant(I64, offset)], source_etype=I8)

    def apart(self, loaded: ll.Value, offset: int) -> ll.Value:
        """What was read at a pinned address. At offset 0 nothing is left to pin, and LLVM would make one load of this and
        another that stands where ways meet, from whichever address: the verifier refuses that. Assembly it leaves alone."""
        return loaded if offset else self.hidden(loaded)

    def context_field(self, context: ll.Value, field: ContextField) -> ll.Value:
        """A field of the context: a number, or a pointer."""
        access, place = field.access, self.pinned(context, field.offset)
        if not isinstance(field.value, Width):
            return self.apart(self.at.load(place, typ=POINTER, align=8), field.offset)
        loaded = self.apart(self.at.load(place, typ=ll.IntType(access.bits), align=access.octets), field.offset)
        if field.value.bits < access.bits:
            loaded = self.at.trunc(loaded, ll.IntType(field.value.bits))
        return self.widened(loaded, field.value)

    def store_context(self, context: ll.Value, field: ContextField, value: ll.Value) -> None:
        """Write a field of the context, in the size that it is read in."""
        assert isinstance(field.value, Width)
        made = self.narrowed(value, field.value)
        if field.value.bits < field.access.bits:
            made = self.at.zext(made, ll.IntType(field.access.bits))
        self.at.store(made, self.pinned(context, field.offset), align=field.access.octets)

    def header(self, node: ir.Header) -> ll.Value:
        """data + offset when the struct ends at or before data_end, else null."""
        assert isinstance(node.type, ir.Pointer) and isinstance(node.context.type, ir.Context)
        context, bounds = self.value(node.context), node.context.type.kind.bounds
        assert bounds is not None
        offset = self.bounded(node.offset)  # first: it may call what moves the packet
        data, end = (self.packet_bound(context, each, bounds.bits) for each in (bounds.data, bounds.data_end))
        start = self.at.gep(data, [offset], source_etype=I8)
        stop = self.at.gep(start, [ll.Constant(I64, node.type.struct.size_bytes)], source_etype=I8)
        return self.at.select(self.at.icmp_unsigned("<=", stop, end), start, ll.Constant(POINTER, None))

    def packet_bound(self, context: ll.Value, offset: int, bits: int) -> ll.Value:
        """The packet's start or end. The kernel's struct has it in 32 bits or as a pointer; the verifier knows better."""
        place = self.pinned(context, offset)
        if bits == 64:
            return self.at.load(place, typ=POINTER, align=8)
        return self.at.inttoptr(self.at.zext(self.at.load(place, typ=I32, align=4), I64), POINTER)

    def called(self, node: ir.Expression) -> ll.Value:
        """Calls: CallEmitter has them."""
        raise NotImplementedError

    def slice(self, node: ir.Slice) -> ll.Value:
        """Slices of packets: CallEmitter has them."""
        raise NotImplementedError

    def kernel_read(self, node: ir.KernelRead) -> ll.Value:
        """Reads of kernel structs: CallEmitter has them."""
        raise NotImplementedError


def _is_kernels(base: ir.Expression) -> bool:
    """Whether an address is of one of the kernel's own objects."""
    return isinstance(base.type, ir.Pointer) and issubclass(base.type.struct, KernelObject)


def _is_surmised(kind: ir.Type) -> bool:
    """Whether more is known of a number than its width, and the verifier may not know it: LLVM may then drop a mask that
    the verifier needs."""
    return isinstance(kind, ir.Word) and not kind.seen and (kind.low != 0 or kind.high not in _FULL)


def _pieces(octets: int) -> list[tuple[int, int]]:
    """(offset, size) pieces that cover `octets` bytes: words, then what is left."""
    pieces, offset = [], 0
    while offset < octets:
        size = next(size for size in (8, 4, 2, 1) if size <= octets - offset)
        pieces.append((offset, size))
        offset += size
    return pieces
