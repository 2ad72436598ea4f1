"""Where the memory lies that a pointer leads to, followed through names, calls and callbacks; and who must have it where.

The verifier takes some things from one kind of memory only: what `repeat` passes on lies on the stack, a spin lock and
a timer in a value of a map, and a value that has one of these is copied only from the stack, where it is none yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pybpf.compiler.diag import Diagnostic
from pybpf.compiler.frontend.allowed import error
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts
from pybpf.compiler.lang import Struct
from pybpf.compiler.lang.helper import Give, Pass
from pybpf.compiler.lang.maps.facts import SPECIAL_IN

Part = ir.Expression | ir.Statement
_TIMER_INIT, _TIMERS = 169, frozenset(range(169, 173))
_COPIED = (Pass.MEMORY, Pass.KEY, Pass.VALUE)


@dataclass(frozen=True, slots=True)
class Stack:
    """A struct that a function keeps."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the map of this name; empty for a map that is not known."""

    map: str


@dataclass(frozen=True, slots=True)
class Given:
    """Where the caller's argument at this position leads."""

    position: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A global, a packet, a record, an object of the kernel."""


Origin = Stack | Value | Given | Elsewhere
Origins = frozenset[Origin]


class Wanted(Enum):
    """What memory something has to be."""

    ON_STACK = auto()  # what `repeat` passes on
    LOCKED = auto()  # what has a lock that is taken
    TIMED = auto()  # what has a timer
    COPIED = auto()  # what has a lock or timer, and is copied


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of the memory at one position of a function's parameters; of a timer perhaps, that it lies in `map`."""

    position: int
    wanted: Wanted
    map: str = ""


def check_origins(module: ir.Module) -> Iterator[Diagnostic]:
    """What is asked of memory that lies elsewhere."""
    gives: dict[str, Origins] = {}
    demands: dict[str, frozenset[Demand]] = {}
    for function in module.functions:  # callees come before their callers
        found = _Function(function, gives, demands)
        yield from found.check()
        gives[function.name], demands[function.name] = found.given_back(), frozenset(found.demands)


class _Function:
    """One function: where its names lead, and what it asks of its parameters."""

    def __init__(self, function: ir.Function, gives: Mapping[str, Origins], demands: Mapping[str, frozenset[Demand]]) -> None:
        self.function, self.gives, self.of_others = function, gives, demands
        self.nodes = [each for statement in function.body for each in every(statement)]
        self.names: dict[str, Origins] = {each.name: frozenset({Given(position)}) for position, each in enumerate(function.parameters)}
        self.demands: set[Demand] = set()
        self._follow()

    def given_back(self) -> Origins:
        """Where the pointers lead that the function returns."""
        return _union(self.of(each.value) for each in self.nodes if isinstance(each, ir.Return) and each.value is not None)

    def check(self) -> Iterator[Diagnostic]:
        """What is asked here of memory that is known to lie elsewhere; of a parameter it is asked of the callers."""
        for node in self.nodes:
            match node:
                case ir.Repeat(function=name, state=state):
                    if state is not None:
                        yield from self.ask(state, Demand(0, Wanted.ON_STACK))
                        yield from self.called(name, (None, state))
                case ir.Call(function=name, arguments=arguments):
                    yield from self.called(name, arguments)
                case ir.Locked(base=base):
                    yield from self.ask(base, Demand(0, Wanted.LOCKED))
                case ir.HelperCall():
                    yield from self.helped(node)
                    yield from self.called_back(node)

    def called(self, name: str, arguments: tuple[ir.Expression | None, ...]) -> Iterator[Diagnostic]:
        """What a function asks of what it is given."""
        for demand in sorted(self.of_others[name], key=_order):
            if (passed := arguments[demand.position]) is not None:
                yield from self.ask(passed, demand)

    def helped(self, node: ir.HelperCall) -> Iterator[Diagnostic]:
        """What a helper asks."""
        if node.helper.number in _TIMERS:
            of = next((each.map.name for each in node.arguments if isinstance(each, ir.MapAddress)), "") if node.helper.number == _TIMER_INIT else ""
            yield from self.ask(node.arguments[0], Demand(0, Wanted.TIMED, of))
            return
        if node.helper.releases:
            return
        for argument, (_, kind) in zip(node.arguments, node.parameters, strict=True):
            if kind in _COPIED and isinstance(argument.type, ir.Pointer) and has_special(argument.type.struct):
                yield from self.ask(argument, Demand(0, Wanted.COPIED))

    def called_back(self, node: ir.HelperCall) -> Iterator[Diagnostic]:
        """What a callback asks of the key and the value that the kernel calls it with."""
        value = Value("" if node.map is None else node.map.name)
        for argument in node.arguments:
            if isinstance(argument, ir.FunctionAddress):
                for demand in sorted(self.of_others[argument.function], key=_order):
                    yield from self.demand(argument, demand, frozenset({value if demand.position else Elsewhere()}))

    def ask(self, node: ir.Expression, demand: Demand) -> Iterator[Diagnostic]:
        """An error about `node` if it leads to the wrong memory."""
        yield from self.demand(node, demand, self.of(node))

    def demand(self, node: ir.Expression, demand: Demand, origins: Origins) -> Iterator[Diagnostic]:
        """An error about `node` if it leads to the wrong one of `origins`; what a caller passed is the caller's business."""
        for origin in origins:
            if isinstance(origin, Given):
                self.demands.add(Demand(origin.position, demand.wanted, demand.map))
        if (wrong := next((each for each in origins if not _suits(each, demand)), None)) is not None:
            yield _refused(self.function, node, demand, wrong)

    def of(self, node: ir.Expression) -> Origins:
        """Where a pointer may lead; nowhere for None."""
        match node:
            case ir.Null():
                return frozenset()
            case ir.Offset(base=base):
                return self.of(base)
            case ir.Storage():
                return frozenset({Stack()})
            case ir.Local(name=name):
                return self.names.get(name, frozenset())
            case ir.Bind(value=value):
                return self.of(value)
            case ir.Choose(then=then, other=other):
                return self.of(then) | self.of(other)
            case ir.Call(function=name, arguments=arguments):
                return _union(self.of(arguments[each.position]) if isinstance(each, Given) else frozenset({each}) for each in self.gives[name])
            case ir.HelperCall(helper=helper, map=of, arguments=arguments) if helper.signature.give is Give.POINTER and not _is_made(node):
                return frozenset({Value("" if of is None or any(isinstance(each.type, ir.InnerMap) for each in arguments) else of.name)})
            case _:
                return frozenset({Elsewhere()})

    def _follow(self) -> None:
        """Let each name lead to all that it is ever set to."""
        sets = [each for each in self.nodes if isinstance(each, ir.Assign | ir.Bind) and isinstance(each.value.type, ir.Pointer)]
        while True:
            before = dict(self.names)
            for each in sets:
                self.names[each.name] = self.names.get(each.name, frozenset()) | self.of(each.value)
            if self.names == before:
                return


def every(node: Part) -> Iterator[Part]:
    """A node and all nodes inside it."""
    yield node
    for each in parts(node):
        yield from every(each)


def has_special(kind: type[Struct]) -> bool:
    """Whether a lock or a timer lies somewhere in a struct, or is all of it."""
    return kind.symbol in SPECIAL_IN or any(isinstance(field.type, type) and has_special(field.type) for field in kind.layout.values())


def _is_made(node: ir.HelperCall) -> bool:
    """Whether a helper gives something of its own: a record, an object of the kernel."""
    return node.helper.signature.result is not None or any(isinstance(each, ir.SizeOf) for each in node.arguments)


def _suits(origin: Origin, demand: Demand) -> bool:
    match origin, demand.wanted:
        case Given(), _:
            return True
        case Stack(), Wanted.ON_STACK | Wanted.COPIED:
            return True
        case Value(), Wanted.LOCKED:
            return True
        case Value(map=of), Wanted.TIMED:
            return not (of and demand.map) or of == demand.map
        case _:
            return False


def _refused(function: ir.Function, node: ir.Expression, demand: Demand, wrong: Origin) -> Diagnostic:
    match demand.wanted:
        case Wanted.ON_STACK:
            return error(function, node, "kernel-type", "what `repeat` passes on must be a struct on the stack, and this lies elsewhere", "copy what it needs into a struct of your own, and back afterwards")
        case Wanted.LOCKED:
            return error(function, node, "kernel-lock", "this spin lock does not lie in a map's value", "lock what `lookup` gave")
        case Wanted.TIMED if isinstance(wrong, Value):
            return error(function, node, "kernel-type", f"this timer lies in a value of `{wrong.map}`, not of `{demand.map}`", "name the map that the value was looked up in")
        case Wanted.TIMED:
            return error(function, node, "kernel-type", "this timer does not lie in a map's value", "use the timer of what `lookup` gave")
        case Wanted.COPIED:
            return error(function, node, "kernel-lock", "this has a lock or a timer, and only the kernel reads that", "copy the other fields into a struct of your own")


def _order(demand: Demand) -> tuple[int, int, str]:
    return demand.position, demand.wanted.value, demand.map


def _union(each: Iterator[Origins]) -> Origins:
    return frozenset().union(*each)
