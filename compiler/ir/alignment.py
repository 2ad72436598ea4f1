"""Module -> how the addresses in it are aligned: where each pointer may lead, followed through names and calls.

Structs on the stack, values of maps, globals and records begin at a multiple of 8. What lies inside them need not: a packed
struct may have a struct that is not packed at an odd offset, and the type of a pointer to that does not say so.
The packet begins anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import every
from pybpf.compiler.lang import Struct

_WORD = 8
Remainders = frozenset[int]
_BEGIN, _ANY = frozenset({0}), frozenset(range(_WORD))


@dataclass(frozen=True, slots=True)
class Alignment:
    """What may be left of an address divided by 8: of one that leads `anywhere`, and of one that leads to the `stack`; and
    whether it may lead into the `packet`."""

    anywhere: Remainders = frozenset()
    stack: Remainders = frozenset()
    packet: bool = False

    def __or__(self, other: Alignment) -> Alignment:
        return Alignment(self.anywhere | other.anywhere, self.stack | other.stack, self.packet or other.packet)

    def after(self, octets: int) -> Alignment:
        """Of the address that many bytes further."""
        anywhere, stack = (frozenset((each + octets) % _WORD for each in some) for some in (self.anywhere, self.stack))
        return Alignment(anywhere, stack, self.packet)


NOWHERE = Alignment()
OUTSIDE, ON_STACK, IN_PACKET = Alignment(_BEGIN), Alignment(_BEGIN, _BEGIN), Alignment(_ANY, packet=True)


def multiple(remainders: Remainders, offset: int) -> int:
    """The largest power of two, up to 8, that all addresses with these remainders are multiples of, `offset` bytes on."""
    left = (each + offset | _WORD for each in remainders)
    return min((each & -each for each in left), default=_WORD)


def alignments(module: ir.Module) -> dict[str, Addresses]:
    """The addresses of each function, by its name."""
    results: dict[str, Alignment] = {}
    for function in module.functions:  # callees come before their callers
        results[function.name] = Addresses(function, results, {}).result()
    given: dict[str, dict[int, Alignment]] = {function.name: {} for function in module.functions}
    found: dict[str, Addresses] = {}
    of = {function.name: function for function in module.functions}
    for function in reversed(module.functions):
        found[function.name] = made = Addresses(function, results, given[function.name])
        for name, position, alignment in made.passed(of):
            given[name][position] = given[name].get(position, NOWHERE) | alignment
    return found


class Addresses:
    """The addresses of one function, of which callers are known to pass `given`, by position."""

    def __init__(self, function: ir.Function, results: dict[str, Alignment], given: dict[int, Alignment]) -> None:
        self.function, self._results = function, results
        self._storage = dict(function.storage)
        self._nodes = [each for statement in function.body for each in every(statement)]
        self._names = {each.name: given.get(position, NOWHERE) for position, each in enumerate(function.parameters)}
        self._follow()

    def of(self, node: ir.Expression) -> Alignment:
        """How the address that `node` is may be aligned."""
        match node:
            case ir.Null():
                return NOWHERE
            case ir.Offset(base=base, octets=octets):
                return self.of(base).after(octets)
            case ir.Storage():
                return ON_STACK
            case ir.Local(name=name):
                return ON_STACK if name in self._storage else self._names.get(name, NOWHERE)
            case ir.Bind(value=value):
                return self.of(value)
            case ir.Choose(then=then, other=other):
                return self.of(then) | self.of(other)
            case ir.Header() | ir.Slice():
                return IN_PACKET
            case ir.Call(function=name, arguments=arguments, type=ir.Pointer(struct=struct)):
                return _union([self._results[name], *(self._inside(each, struct) for each in arguments)])
            case _:
                return OUTSIDE

    def result(self) -> Alignment:
        """How what the function returns may be aligned, where it does not lie in what callers passed."""
        return _union([self.of(each.value) for each in self._nodes if isinstance(each, ir.Return) and each.value is not None])

    def passed(self, functions: dict[str, ir.Function]) -> Iterator[tuple[str, int, Alignment]]:
        """(a function that is called here, a position, how what is passed there may be aligned)."""
        for node in self._nodes:
            match node:
                case ir.Call(function=name, arguments=arguments):
                    yield from ((name, position, self.of(each)) for position, each in enumerate(arguments) if _is_address(each.type))
                case ir.Repeat(function=name, state=state) if state is not None:
                    yield name, 1, self.of(state)
                case ir.HelperCall(arguments=arguments):
                    for callback in (each for each in arguments if isinstance(each, ir.FunctionAddress)):
                        for position, parameter in enumerate(functions[callback.function].parameters):
                            if _is_address(parameter.type):
                                same = [self.of(each) for each in arguments if each.type == parameter.type]
                                yield callback.function, position, _union([OUTSIDE, *same])

    def _inside(self, argument: ir.Expression, struct: type[Struct]) -> Alignment:
        """How a `struct` may be aligned that a function found in its argument."""
        if not isinstance(argument.type, ir.Pointer):
            return NOWHERE
        whole = self.of(argument)
        return _union([whole.after(offset) for offset in _offsets(argument.type.struct, struct)])

    def _follow(self) -> None:
        """Let each name lead to all that it is ever set to."""
        sets = [each for each in self._nodes if isinstance(each, ir.Assign | ir.Bind) and _is_address(each.value.type)]
        while True:
            before = dict(self._names)
            for each in sets:
                self._names[each.name] = self._names.get(each.name, NOWHERE) | self.of(each.value)
            if self._names == before:
                return


def _is_address(kind: ir.Type) -> bool:
    return isinstance(kind, ir.Pointer | ir.ArrayPointer)


def _offsets(outer: type[Struct], inner: type[Struct]) -> Iterator[int]:
    """Where `inner` lies in `outer`."""
    if outer is inner:
        yield 0
    for field in outer.layout.values():
        if isinstance(field.type, type):
            yield from (field.offset + each for each in _offsets(field.type, inner))


def _union(alignments: list[Alignment]) -> Alignment:
    found = NOWHERE
    for each in alignments:
        found |= each
    return found
