"""What the IR means, where it is more than the meaning of Python: wrapping, faults, tail calls, dying views."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.run import MAX_TAIL_CALLS, IrFault, Machine, run
from pybpf.compiler.lang import ArrayType, Role, Skb, Struct, TailCall, Width, be32, u32
from tests.compiler.kernel_text import module_of

HERE = ir.Place(3, 7)
WORD = ir.Word()


class Pair(Struct):
    """Two numbers."""

    left: u32
    right: be32


def machine(*body: ir.Statement, parameters: tuple[ir.Parameter, ...] = (), result: ir.Type = WORD, names: dict[str, ir.Type] | None = None) -> Machine:
    """A machine with one function `f`, and a global array `data` of four bytes."""
    own = tuple((names or {}).items()) + tuple((each.name, each.type) for each in parameters)
    function = ir.Function("f", Role.FUNCTION, "", Source("a.py", ""), HERE, parameters, result, own, (("pair", Pair),), body)
    data = ir.Global("data", ".data", ArrayType(Width(8), 4), b"\1\2\3\4")
    return Machine(ir.Module((function,), (), (data,), "GPL"))


def number(value: int) -> ir.Constant:
    """A constant."""
    return ir.Constant(HERE, WORD, value)


def gives(value: ir.Expression) -> int | bool | Struct | None:
    """What an expression comes to."""
    return machine(ir.Return(HERE, value), result=value.type).call("f")


@pytest.mark.parametrize(
    ("operator", "left", "right", "result"),
    [("add", 2**64 - 1, 2, 1), ("sub", 1, 2, 2**64 - 1), ("mul", 2**63, 2, 0), ("shl", 3, 63, 2**63), ("shr", 2**63, 63, 1), ("mod", 7, 4, 3)],
)
def test_numbers_wrap(operator: str, left: int, right: int, result: int) -> None:
    assert gives(ir.Binary(HERE, WORD, operator, number(left), number(right))) == result


def test_inverting_flips_64_bits() -> None:
    assert gives(ir.Invert(HERE, WORD, number(5))) == 2**64 - 6


def test_an_argument_is_taken_as_a_word() -> None:
    made = machine(ir.Return(HERE, ir.Local(HERE, WORD, "x")), parameters=(ir.Parameter("x", WORD),))
    assert made.call("f", -1) == 2**64 - 1


def test_structs_are_passed_and_returned_as_views() -> None:
    kind = ir.Pointer(Pair)
    pair = ir.Local(HERE, kind, "p")
    store = ir.Store(HERE, pair, 4, Width(32, "big"), number(0x100000007))
    made = machine(store, ir.Return(HERE, pair), parameters=(ir.Parameter("p", kind),), result=kind)
    mine = Pair()
    result = made.call("f", mine)
    assert isinstance(result, Pair) and (mine.right, result.right) == (7, 7)
    result.left = 3
    assert mine.left == 3


def fault(*body: ir.Statement, names: dict[str, ir.Type] | None = None) -> IrFault:
    """The fault that a body ends in."""
    with pytest.raises(IrFault) as caught:
        machine(*body, ir.Return(HERE, number(0)), names=names).call("f")
    return caught.value


def test_a_local_that_is_not_set_is_a_fault() -> None:
    found = fault(ir.Evaluate(HERE, ir.Local(HERE, WORD, "x")), names={"x": WORD})
    assert found.place == "a.py:3:7"
    assert "`x` is not set" in found.message


def test_none_has_no_memory() -> None:
    found = fault(ir.Evaluate(HERE, ir.Load(HERE, WORD, ir.Null(HERE, ir.Pointer(Pair, maybe=True)), 0, Width(32))))
    assert "None" in found.message


def test_reading_and_writing_outside_is_a_fault() -> None:
    data = ir.GlobalAddress(HERE, ir.ArrayPointer(ArrayType(Width(8), 4)), "data")
    assert "bytes 4 to 5 of 4" in fault(ir.Evaluate(HERE, ir.LoadElement(HERE, WORD, data, number(4), 1, Width(8)))).message
    assert "bytes 6 to 8 of 4" in fault(ir.StoreElement(HERE, data, number(3), Width(16), number(1))).message
    storage = ir.Storage(HERE, ir.Pointer(Pair), "pair")
    assert "bytes 8 to 12 of 8" in fault(ir.Store(HERE, storage, 8, Width(32), number(1))).message


def test_a_function_that_does_not_return_is_a_fault() -> None:
    with pytest.raises(IrFault, match="does not return"):
        machine(ir.Evaluate(HERE, number(1))).call("f")


def test_globals_belong_to_the_machine() -> None:
    data = ir.GlobalAddress(HERE, ir.ArrayPointer(ArrayType(Width(8), 4)), "data")
    made = machine(ir.StoreElement(HERE, data, number(1), Width(8), number(0x1FF)), ir.Return(HERE, number(0)))
    made.call("f")
    assert bytes(made.globals["data"]) == b"\1\xff\3\4"
    assert made.module.globals[0].content == b"\1\2\3\4"


MOVING = """
@program("tc")
def main(packet: Skb) -> int:
    frame = packet.header(Frame, 0)
    if frame is None:
        return 0
    return frame.kind


@program("tc")
def again(packet: Skb) -> int:
    box = boxes.lookup(0)
    if box is None:
        return 0
    box.tick += 1
    stages.tail_call(packet, 0)
    return 7
"""


def test_a_view_on_the_packet_dies_when_the_packet_moves(tmp_path: Path) -> None:
    made = translate([module_of(MOVING, tmp_path).main])
    (main,) = made.functions
    header = next(each for each in main.body if isinstance(each, ir.Assign))
    pull = module_of('\n\n@program("tc")\ndef main(packet: Skb) -> int:\n    packet.pull(14)\n    return 0\n', tmp_path).main
    moves = translate([pull]).functions[0].body[0]
    stale = ir.Function(**{name: getattr(main, name) for name in ir.Function.__match_args__} | {"body": (header, moves, *main.body[1:])})
    with pytest.raises(IrFault, match="died"):
        Machine(ir.Module((stale,), (), (), "GPL")).call("main", Skb(bytes(20)))


def test_after_33_tail_calls_the_program_goes_on(tmp_path: Path) -> None:
    module = module_of(MOVING, tmp_path)
    module.stages.slots[0] = "again"
    assert run([Machine(translate([module.again]))], "again", Skb(b"")) == 7
    assert module.boxes.lookup(0).tick == MAX_TAIL_CALLS + 1


def test_a_tail_call_goes_to_another_machine(tmp_path: Path) -> None:
    module = module_of(MOVING, tmp_path)
    module.stages.slots[0] = module.main
    first, second = Machine(translate([module.again])), Machine(translate([module.main]))
    assert run([first, second], "again", Skb(b"\x12\x34" + bytes(20))) == 0x1234
    with pytest.raises(TailCall):
        run([first], "again", Skb(bytes(20)))
