"""One ir.Function -> the basic blocks of its LLVM function: statements, and branches on conditions."""

from __future__ import annotations

from llvmlite import ir as ll

from pybpf.compiler.codegen.debug import DebugInfo
from pybpf.compiler.codegen.types import I32, I64, opaque, value_type, volatile
from pybpf.compiler.codegen.values import ValueEmitter
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Role


class BodyEmitter(ValueEmitter):
    """A cursor over the function being written."""

    def __init__(self, module: ll.Module, source: ir.Function, functions: dict[str, ll.Function], debug: DebugInfo) -> None:
        function = functions[source.name]
        super().__init__(module, function, functions)
        self.source, self.debug = source, debug
        self.subprogram = debug.subprogram(source)
        function.set_metadata("dbg", self.subprogram)
        self.loops: list[tuple[ll.Block, ll.Block]] = []  # (continue, break) targets, innermost last

    def run(self) -> None:
        """Write every block of the function."""
        self.at_place(self.source.place)
        for name, kind in self.source.locals:
            self.locals[name] = opaque(self.entry.alloca(value_type(kind), name=name))
        for name, struct in self.source.storage:
            self.storage[name] = opaque(self.entry.alloca(ll.ArrayType(I64, -(-struct.size_bytes // 8)), name=name))
            self.storage[name].align = 8
        for parameter, argument in zip(self.source.parameters, self.function.args, strict=False):
            argument.name = parameter.name
            self.at.store(argument, self.locals[parameter.name])
        self.block(self.source.body)
        if not self.at.block.is_terminated:
            self.at.unreachable()
        self.entry.branch(self.function.blocks[1])

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
                made = self.narrowed(self.value(value), width.bits, width.order)
                stored = at.store(made, self.address(base, offset), align=self.alignment(offset, width.bits))
                if width.volatile:
                    volatile(stored)
            case ir.StoreElement(base=base, index=index, bits=bits, order=order, value=value):
                made = self.narrowed(self.value(value), bits, order)
                at.store(made, self.element(base, index, bits // 8), align=bits // 8)
            case ir.Copy(target=target, source=source, octets=octets):
                self.copy(self.value(target), self.value(source), octets)
            case ir.AddAtomic(base=base, offset=offset, bits=bits, amount=amount):
                # Relaxed order is right only while the old value is unused: LLVM 22 miscompiles the other case.
                at.atomic_rmw("add", self.address(base, offset), self.narrowed(self.value(amount), bits, "little"), "monotonic")
            case ir.Evaluate(value=value):
                self.value(value)
            case ir.If(test=test, then=then, other=other):
                self.fork(test, then, other)
            case ir.For():
                self.loop(node)
            case ir.Break():
                at.branch(self.loops[-1][1])
            case ir.Continue():
                at.branch(self.loops[-1][0])
            case ir.Return(value=value):
                self.leave(value)
            case _:
                raise AssertionError(node)

    def leave(self, value: ir.Expression | None) -> None:
        """Return, in the width that the caller of this kind of function expects."""
        if value is None:
            self.at.ret_void()
            return
        result = self.value(value)
        match self.source.role:
            case Role.PROGRAM:
                self.at.ret(self.at.trunc(result, I32))
            case Role.CALLBACK:
                self.at.ret(self.at.zext(result, I64))
            case Role.FUNCTION:
                self.at.ret(result)

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

    def loop(self, node: ir.For) -> None:
        """A counted loop. The counter has a slot of its own: the body may assign the loop's variable."""
        counter = opaque(self.entry.alloca(I64, name="counter"))
        head, body, step, after = (self.function.append_basic_block(name) for name in ("loop", "body", "step", "after"))
        self.at.store(ll.Constant(I64, node.start), counter)
        self.at.branch(head)
        self.at.position_at_end(head)
        count = self.at.load(counter, typ=I64)
        self.at.cbranch(self.at.icmp_unsigned("<", count, ll.Constant(I64, node.stop)), body, after)
        self.at.position_at_end(body)
        self.at.store(count, self.locals[node.name])
        self.loops.append((step, after))
        self.block(node.body)
        self.loops.pop()
        if not self.at.block.is_terminated:
            self.at.branch(step)
        self.at.position_at_end(step)
        self.at.store(self.at.add(self.at.load(counter, typ=I64), ll.Constant(I64, 1)), counter)
        self.at.branch(head)
        self.at.position_at_end(after)
