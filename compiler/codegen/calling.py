"""Calls -> LLVM values: functions of the module, kernel helpers by their table, atomics."""

from __future__ import annotations

from llvmlite import ir as ll

from pybpf.compiler.codegen.debug import DebugInfo
from pybpf.compiler.codegen.types import (
    I32,
    I64,
    POINTER,
    AccessIndex,
    ExternAddress,
    HelperAddress,
    memory_type,
    opaque,
)
from pybpf.compiler.codegen.values import ValueEmitter
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import ArrayType, KernelStruct, Width
from pybpf.compiler.lang.helper import LOOP, Give, Pass

_TRACE_PRINTK, _TRACE_VPRINTK = 6, 177  # the second since 5.16
_DIRECT = 3  # arguments that the first one takes
_SPIN_LOCK, _SPIN_UNLOCK = 93, 94
_PROBE_READ_KERNEL = 113
_DYNPTR = ll.ArrayType(I64, 2)  # struct bpf_dynptr
DYNPTR_FROM = {"__sk_buff": "bpf_dynptr_from_skb", "xdp_md": "bpf_dynptr_from_xdp"}
ACCESS_INDEX = "llvm.preserve.struct.access.index.p0.p0"


class CallEmitter(ValueEmitter):
    """The part of the cursor that makes calls."""

    debug: DebugInfo
    taken: list[ll.Value]  # places on the stack that calls being written use
    free: list[ll.Value]  # and that others have used

    def called(self, node: ir.Expression) -> ll.Value:
        """A call whose result is used, or may be."""
        match node:
            case ir.Call(function=name, arguments=arguments):
                return self.at.call(self.functions[name], [self.value(each) for each in arguments])
            case ir.HelperCall():
                return self.helper(node)
            case ir.KfuncCall(kfunc=kfunc, arguments=arguments):
                return self.kfunc_call(kfunc, [self.value(each) for each in arguments])
            case ir.FunctionAddress(function=name):
                return self.functions[name]
            case ir.MapAddress(map=of):
                return self.module.globals[of.name]
            case ir.SizeOf(struct=kind):
                return ll.Constant(I64, kind.size_bytes)
            case ir.Repeat(rounds=rounds, function=name, state=state):
                passed = [self.value(rounds), self.functions[name], self.value(state) if state is not None else ll.Constant(POINTER, None)]
                return self.kernel(LOOP, I64, [*passed, ll.Constant(I64, 0)])
            case ir.Print():
                return self.print(node)
            case ir.CompareExchange():
                return self.compare_exchange(node)
            case ir.Atomic():
                return self.atomic(node, "seq_cst")
        raise AssertionError(node)

    def kernel(self, number: int, returns: ll.Type, arguments: list[ll.Value]) -> ll.Value:
        """The call of a kernel helper by its number."""
        signature = ll.FunctionType(returns, [each.type for each in arguments])
        return self.at.call(HelperAddress(number, signature), arguments)

    def kfunc_call(self, kfunc: ir.Kfunc, arguments: list[ll.Value]) -> ll.Value:
        """A call of a function of the kernel's own, in the widths that it is declared with."""
        wanted = [memory_type(parameter.type) for parameter in kfunc.parameters]
        passed = [
            self.at.trunc(value, kind) if isinstance(kind, ll.IntType) and value.type.width > kind.width else value
            for value, kind in zip(arguments, wanted, strict=True)
        ]
        result = self.at.call(ExternAddress(kfunc.name, ll.FunctionType(memory_type(kfunc.result), wanted)), passed)
        match kfunc.result:
            case ir.Word(low=low):
                return self.widened(result, Width(result.type.width, signed=low < 0))
            case _:
                return result

    def compare_exchange(self, node: ir.CompareExchange) -> ll.Value:
        """Sequentially consistent compare and swap: what was found."""
        width = Width(node.bits)
        place = self.address(node.base, node.offset)
        wanted, desired = (self.narrowed(self.value(each), width) for each in (node.expected, node.desired))
        pair = self.at.cmpxchg(place, wanted, desired, "seq_cst", "seq_cst")
        return self.widened(self.at.extract_value(pair, 0), width)

    def atomic(self, node: ir.Atomic, order: str) -> ll.Value:
        """What was there. Relaxed order is right only while that is unused: LLVM 22 miscompiles the other case."""
        place = self.address(node.base, node.offset)
        changed = self.narrowed(self.value(node.amount), node.width)
        return self.widened(self.at.atomic_rmw(node.operator, place, changed, order), node.width)

    def lock(self, address: ll.Value) -> None:
        """Take a spin lock."""
        self.kernel(_SPIN_LOCK, ll.VoidType(), [address])

    def unlock(self, address: ll.Value) -> None:
        """Give it back."""
        self.kernel(_SPIN_UNLOCK, ll.VoidType(), [address])

    def kernel_read(self, node: ir.KernelRead) -> ll.Value:
        """A field of a kernel struct by a relocated offset, read with bpf_probe_read_kernel; 0 where that fails."""
        assert isinstance(node.base.type, ir.Address)
        owner, field, base = node.base.type.struct, node.field, self.value(node.base)
        if ACCESS_INDEX not in self.module.globals:
            ll.Function(self.module, ll.FunctionType(POINTER, [POINTER, I32, I32]), ACCESS_INDEX)
        place = AccessIndex(self.at.block, _shape(owner), base, field.index, name=field.name)
        place.set_metadata("llvm.preserve.access.index", self.debug.kernel_struct(owner))
        place.set_metadata("dbg", self.at.debug_metadata)
        self.at._insert(place)
        width = field.type if isinstance(field.type, Width) else Width(64)
        if isinstance(node.type, ir.Address) and not field.is_pointer:
            return place
        kept = len(self.taken)
        slot = self.slot(I64)
        self.at.store(ll.Constant(I64, 0), slot, align=8)
        self.kernel(_PROBE_READ_KERNEL, I64, [slot, ll.Constant(I32, width.octets), place])
        loaded = self.at.load(slot, typ=ll.IntType(width.bits), align=width.octets)
        self.give_back(kept)
        return self.widened(loaded, width) if isinstance(node.type, ir.Word) else self.at.inttoptr(loaded, POINTER)

    def slice(self, node: ir.Slice) -> ll.Value:
        """A dynptr on the packet, and a slice of it."""
        assert isinstance(node.type, ir.Pointer) and isinstance(node.context.type, ir.Context)
        context, offset, buffer = (self.value(each) for each in (node.context, node.offset, node.buffer))
        kept = len(self.taken)
        pointer = self.slot(_DYNPTR)
        make = ExternAddress(DYNPTR_FROM[node.context.type.kind.symbol], ll.FunctionType(I32, [POINTER, I64, POINTER]))
        self.at.call(make, [context, ll.Constant(I64, 0), pointer])
        take = ExternAddress("bpf_dynptr_slice", ll.FunctionType(POINTER, [POINTER, I32, POINTER, I32]))
        size = ll.Constant(I32, node.type.struct.size_bytes)
        found = self.at.call(take, [pointer, self.at.trunc(offset, I32), buffer, size])
        self.give_back(kept)  # the next slice takes it, and to the front end it is the end of this one
        return found

    def print(self, node: ir.Print) -> ll.Value:
        """A line in the kernel's trace: up to three numbers in registers, more of them in an array on the stack."""
        assert isinstance(node.format.type, ir.ArrayPointer)
        text, size = self.value(node.format), ll.Constant(I32, node.format.type.array.count)
        numbers = [self.value(each) for each in node.arguments]
        if len(numbers) <= _DIRECT:
            return self.kernel(_TRACE_PRINTK, I64, [text, size, *numbers])
        kept = len(self.taken)
        slots = self.slot(ll.ArrayType(I64, len(numbers)))
        for index, number in enumerate(numbers):
            self.at.store(number, self.at.gep(slots, [ll.Constant(I64, index)], source_etype=I64), align=8)
        done = self.kernel(_TRACE_VPRINTK, I64, [text, size, slots, ll.Constant(I32, 8 * len(numbers))])
        self.give_back(kept)
        return done

    def helper(self, node: ir.HelperCall) -> ll.Value:
        """A call of a helper, its registers filled as its row of the table says."""
        kept = len(self.taken)
        made = {name: self.argument(node, index) for index, (name, _) in enumerate(node.parameters)}
        given = {name: argument for (name, _), argument in zip(node.parameters, node.arguments, strict=True)}
        registers: list[ll.Value] = []
        for token in node.helper.registers:
            if token == "self" and node.map is not None:
                registers.append(self.module.globals[node.map.name])
            elif token.startswith("#"):
                registers.append(ll.Constant(I64, _octets(given[token[1:]])))
            elif token in made:
                registers.append(made[token])
            else:
                registers.append(ll.Constant(I64, int(token, 0)))
        signature = node.helper.signature
        returns = POINTER if signature.give in (Give.POINTER, Give.INNER_MAP) else I64
        result = self.kernel(node.helper.number, returns, registers)
        self.give_back(kept)
        return self.given(signature.give, signature.width, result)

    def given(self, kind: Give, width: Width, result: ll.Value) -> ll.Value:
        """R0 as the program sees it."""
        match kind:
            case Give.SUCCESS:
                return self.at.icmp_unsigned("==", result, ll.Constant(I64, 0))
            case Give.NUMBER if width.bits < 64:
                return self.widened(self.at.trunc(result, ll.IntType(width.bits)), width)
            case _:
                return result

    def argument(self, node: ir.HelperCall, index: int) -> ll.Value:
        """One argument, as its register is filled."""
        argument, (name, kind) = node.arguments[index], node.parameters[index]
        match kind, argument.type:
            case (Pass.KEY | Pass.VALUE), ir.Word():
                assert node.declaration is not None
                declared = node.declaration.key if kind is Pass.KEY else node.declaration.value
                assert isinstance(declared, Width)
                return self.stored(argument, declared)
            case Pass.LENGTH, _:
                of = [each for each, _ in node.parameters].index(node.helper.signature.lengths[name])
                return self.length(self.value(argument), _octets(node.arguments[of]))
            case Pass.SCALAR, ir.Bool():
                return self.at.zext(self.value(argument), I64)
            case _:
                return self.value(argument)

    def length(self, value: ll.Value, size: int) -> ll.Value:
        """A length from 1 to the largest power of two in `size`, so written that the verifier sees both ends."""
        below = self.at.sub(self.hidden(value), ll.Constant(I64, 1))
        masked = self.at.and_(below, ll.Constant(I64, (1 << (size.bit_length() - 1)) - 1))
        return self.at.add(masked, ll.Constant(I64, 1))

    def stored(self, argument: ir.Expression, width: Width) -> ll.Value:
        """A number on the stack, as a map has it: its address."""
        value = self.narrowed(self.value(argument), width)
        place = self.slot(ll.IntType(width.bits))
        self.at.store(value, place, align=width.octets)
        return place

    def slot(self, kind: ll.Type) -> ll.Value:
        """A place on the stack for a `kind`, until `give_back`. LLVM would give each call places of its own."""
        place = next((each for each in self.free if each.allocated_type == kind), None)
        if place is not None:
            self.free.remove(place)
        else:
            place = opaque(self.entry.alloca(kind, name="temporary"))
            place.align = 8 if isinstance(kind, ll.ArrayType) else kind.width // 8
        self.taken.append(place)
        return place

    def give_back(self, kept: int) -> None:
        """All but the first `kept` places are free again."""
        self.free += self.taken[kept:]
        del self.taken[kept:]


def _shape(kind: type[KernelStruct]) -> ll.Type:
    """A kernel struct as LLVM lays it out before relocation."""
    return ll.LiteralStructType([
        ll.IntType(field.type.bits) if isinstance(field.type, Width) else POINTER if field.is_pointer else _shape(field.type)
        for field in kind.kernel_fields().values()
    ])  # fmt: skip


def _octets(node: ir.Expression) -> int:
    """The size of what a pointer leads to, or of a class."""
    if isinstance(node, ir.SizeOf):
        return node.struct.size_bytes
    match node.type:
        case ir.Pointer(struct=struct):
            return struct.size_bytes
        case ir.ArrayPointer(array=ArrayType() as array):
            return array.octets
    raise AssertionError(node)


