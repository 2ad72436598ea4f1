"""One ir.Function -> the basic blocks of its LLVM function: statements, and branches on conditions."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir as ll

from pybpf.compiler.codegen.calling import CallEmitter
from pybpf.compiler.codegen.debug import DebugInfo
from pybpf.compiler.codegen.types import (
    I32,
    I64,
    POINTER,
    ExternAddress,
    opaque,
    value_type,
    volatile,
    width_of_range,
)
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.alignment import Addresses
from pybpf.compiler.lang import Role
from pybpf.compiler.lang.kinds import section_of

_ITERATOR = ll.ArrayType(I64, 1)  # struct bpf_iter_num


class BodyEmitter(CallEmitter):
    """A cursor over the function being written."""

    def __init__(self, module: ll.Module, addresses: Addresses, functions: dict[str, ll.Function], debug: DebugInfo) -> None:
        source = addresses.function
        function = functions[source.name]
        super().__init__(module, function, functions, addresses)
        self.source, self.debug = source, debug
        self.subprogram = debug.subprogram(source)
        function.set_metadata("dbg", self.subprogram)
        self.taken, self.free = [], []
        self.loops: list[tuple[ll.Block, ll.Block]] = []  # (continue, break) targets, innermost last
        self.owed: list[tuple[Callable[[], None], int]] = []  # what leaving early must do first, and the loops around it

    def run(self) -> None:
        """Write every block of the function."""
        self.at_place(self.source.place)
        for name, kind in self.source.locals:
            self.locals[name] = opaque(self.entry.alloca(value_type(kind), name=name))
        for name, struct in self.source.storage:
            self.storage[name] = opaque(self.entry.alloca(ll.ArrayType(I64, -(-struct.size_bytes // 8)), name=name))
            self.storage[name].align = 8
        for parameter, argument in zip(self.source.parameters, self.function.args[self.source.hidden :], strict=False):
            argument.name = parameter.name
            self.at.store(self.received(parameter, argument), self.locals[parameter.name])
        self.block(self.source.body)
        if not self.at.block.is_terminated:
            self.at.unreachable()
        self.entry.branch(self.function.blocks[1])

    def received(self, parameter: ir.Parameter, argument: ll.Argument) -> ll.Value:
        """A parameter's value. A callback of a map is given the addresses of key and value, also of numbers."""
        if not self.source.hidden or not isinstance(parameter.type, ir.Word):
            return argument
        width = width_of_range(parameter.type.low, parameter.type.high)
        return self.widened(self.at.load(argument, typ=ll.IntType(width.bits), align=width.octets), width)

    def block(self, body: tuple[ir.Statement, ...]) -> None:
        """Statements in order; what follows a jump is dead and not written."""
        for statement in body:
            if self.at.block.is_terminated:
                return
            self.at_place(statement.place)
            self.statement(statement)

    def at_place(self, place: ir.Place) -> None:
        """What is written from now on comes from `place`."""
        self.entry.debug_metadata = self.at.debug_metadata = self.debug.location(self.subprogram, place)

    def statement(self, node: ir.Statement) -> None:
        """One statement."""
        at = self.at
        match node:
            case ir.Assign(name=name, value=value):
                at.store(self.value(value), self.locals[name])
            case ir.Clear(storage=storage):
                struct = storage.type.struct if isinstance(storage.type, ir.Pointer) else None
                assert struct is not None
                self.zero(self.storage[storage.name], struct.size_bytes)
            case ir.Store(base=base, offset=offset, width=width, value=value):
                made = self.narrowed(self.value(value), width)
                stored = at.store(made, self.address(base, offset), align=self.alignment(base, offset, width.octets))
                if width.volatile:
                    volatile(stored)
            case ir.StoreElement(base=base, index=index, width=width, value=value):
                made = self.narrowed(self.value(value), width)
                at.store(made, self.element(base, index, width.octets), align=self.alignment(base, 0, width.octets))
            case ir.StoreContext(context=context, field=field, value=value):
                made = self.value(value)
                self.store_context(self.value(context), field, made)
            case ir.Copy():
                self.copy(node)
            case ir.Evaluate(value=ir.Atomic(operator=operator) as value) if operator != "xchg":
                self.atomic(value, "monotonic")
            case ir.Evaluate(value=value):
                self.value(value)
            case ir.If(test=test, then=then, other=other):
                self.fork(test, then, other)
            case ir.For():
                self.loop(node)
            case ir.Locked():
                self.locked(node)
            case ir.Iterate():
                self.iterate(node)
            case ir.Break() | ir.Continue():
                self.settle(len(self.loops))
                at.branch(self.loops[-1][isinstance(node, ir.Break)])
            case ir.Return(value=value):
                self.leave(value)
            case _:
                raise AssertionError(node)

    def leave(self, value: ir.Expression | None) -> None:
        """Return, in the width that the caller of this kind of function expects."""
        result = self.returned(value) if value is not None else None
        self.settle(0)
        if result is None:
            self.at.ret_void()
            return
        match self.source.role:
            case Role.PROGRAM:
                self.at.ret(self.at.trunc(result, I32))
            case Role.CALLBACK:
                self.at.ret(self.at.zext(result, I64) if isinstance(self.source.result, ir.Bool) else result)
            case Role.FUNCTION | Role.SUBPROGRAM:
                self.at.ret(result)

    def returned(self, value: ir.Expression) -> ll.Value:
        """What is returned. To some types of program the verifier allows a few numbers only, and wants to see that it is one."""
        section = section_of(self.source.section) if self.source.role is Role.PROGRAM else None
        return self.value(value) if section is None or section.returns is None else self.bounded(value)

    def fork(self, test: ir.Expression, then: tuple[ir.Statement, ...], other: tuple[ir.Statement, ...]) -> None:
        """if / else."""
        yes, no, after = (self.function.append_basic_block(name) for name in ("then", "else", "after"))
        self.branch(test, yes, no)
        for start, body in ((yes, then), (no, other)):
            self.at.position_at_end(start)
            self.block(body)
            if not self.at.block.is_terminated:
                self.at.branch(after)
        self.at.position_at_end(after)

    def locked(self, node: ir.Locked) -> None:
        """A block under a spin lock; leaving it early gives the lock back, too."""
        address = self.address(node.base, node.offset)
        self.lock(address)
        self.owed.append((lambda: self.unlock(address), len(self.loops)))
        self.block(node.body)
        self.owed.pop()
        if not self.at.block.is_terminated:
            self.unlock(address)

    def settle(self, loops: int) -> None:
        """Do what is owed before control leaves everything inside of the first `loops` loops."""
        for pay, around in reversed(self.owed):
            if around >= loops:
                pay()

    def iterate(self, node: ir.Iterate) -> None:
        """A loop by an open-coded iterator: new, next until it gives nothing, destroy on every way out."""
        kept = len(self.taken)
        iterator = self.slot(_ITERATOR)
        start, stop = (self.at.trunc(self.value(each), I32) for each in (node.start, node.stop))
        self.iterator_call("new", I32, [iterator, start, stop])
        head, body, after = (self.function.append_basic_block(name) for name in ("next", "body", "after"))
        self.at.branch(head)
        self.at.position_at_end(head)
        found = self.iterator_call("next", POINTER, [iterator])
        self.at.cbranch(self.at.icmp_unsigned("!=", found, ll.Constant(POINTER, None)), body, after)
        self.at.position_at_end(body)
        self.at.store(self.at.sext(self.at.load(found, typ=I32, align=4), I64), self.locals[node.name])
        self.owed.append((lambda: self.iterator_call("destroy", ll.VoidType(), [iterator]), len(self.loops)))
        self.loops.append((head, after))
        self.block(node.body)
        self.loops.pop()
        self.owed.pop()
        if not self.at.block.is_terminated:
            self.at.branch(head)
        self.at.position_at_end(after)
        self.iterator_call("destroy", ll.VoidType(), [iterator])
        self.give_back(kept)

    def iterator_call(self, what: str, returns: ll.Type, arguments: list[ll.Value]) -> ll.Value:
        """bpf_iter_num_new, _next or _destroy."""
        return self.at.call(ExternAddress(f"bpf_iter_num_{what}", ll.FunctionType(returns, [each.type for each in arguments])), arguments)

    def loop(self, node: ir.For) -> None:
        """A counted loop. The counter has a slot of its own: the body may assign the loop's variable."""
        counter = opaque(self.entry.alloca(I64, name="counter"))
        head, body, step, after = (self.function.append_basic_block(name) for name in ("loop", "body", "step", "after"))
        start, stop = self.bounded(node.start), self.bounded(node.stop)
        self.at.store(start, counter)
        self.at.branch(head)
        self.at.position_at_end(head)
        count = self.at.load(counter, typ=I64)
        self.at.cbranch(self.more(node, count, stop), body, after)
        self.at.position_at_end(body)
        self.at.store(count, self.locals[node.name])
        self.loops.append((step, after))
        self.block(node.body)
        self.loops.pop()
        if not self.at.block.is_terminated:
            self.at.branch(step)
        self.at.position_at_end(step)
        self.at.store(self.at.add(self.at.load(counter, typ=I64), ll.Constant(I64, node.step)), counter)
        self.at.branch(head)
        self.at.position_at_end(after)

    def more(self, node: ir.For, count: ll.Value, stop: ll.Value) -> ll.Value:
        """Whether there is another round. A counter that may go below zero is compared as a signed number."""
        operator = "<" if node.step > 0 else ">"
        signed = node.step < 0 or any(isinstance(each.type, ir.Word) and each.type.signed for each in (node.start, node.stop))
        return self.at.icmp_signed(operator, count, stop) if signed else self.at.icmp_unsigned(operator, count, stop)
