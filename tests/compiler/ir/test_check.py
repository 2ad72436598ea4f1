"""The checker finds what would be a bug of the front end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pybpf.compiler.frontend import translate
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.check import check
from pybpf.compiler.lang import Skb, Width
from pybpf.kernel_progs.endpoint import from_endpoint, parse_packet, to_endpoint
from pybpf.kernel_progs.http_program import judge_http
from pybpf.kernel_progs.prohibit import prohibit_packet
from pybpf.kernel_progs.refuse import refuse_packet
from tests.compiler.frontend import accepted

HERE = ir.Place(9, 5)
BOX = ir.Pointer(accepted.Box)


@pytest.mark.parametrize("program", [to_endpoint, from_endpoint, parse_packet, judge_http, refuse_packet, prohibit_packet], ids=lambda program: program.__name__)
def test_the_programs_of_the_project_keep_the_rules(program: Callable[..., int]) -> None:
    module = translate([program])
    assert check(module) is module


def local(kind: ir.Type, name: str) -> ir.Local:
    return ir.Local(HERE, kind, name)


OCTETS = ir.Offset(HERE, ir.ArrayPointer(accepted.Box.layout["octets"].type), local(BOX, "box"), accepted.Box.layout["octets"].offset)  # type: ignore[arg-type]
ONE = ir.Constant(HERE, ir.Word(1, 1), 1)
ANY = local(ir.Word(), "total")
WRONG: dict[str, ir.Statement] = {
    "an index from 0 to 18446744073709551615": ir.Evaluate(HERE, ir.LoadElement(HERE, ir.Word(0, 255), OCTETS, ANY, 1, Width(8))),
    "an index from -1 to 3": ir.Evaluate(HERE, ir.LoadElement(HERE, ir.Word(0, 255), OCTETS, local(ir.Word(-1, 3), "total"), 1, Width(8))),
    "an index from 1 to 1 ": ir.StoreElement(HERE, replace(OCTETS, type=ir.ArrayPointer(accepted.Box.layout["halves"].type), octets=accepted.Box.layout["halves"].offset), ONE, Width(64), ONE),  # type: ignore[arg-type]
    "bytes at 200": ir.Store(HERE, local(BOX, "box"), 200, Width(8), ONE),
    "maybe None": ir.Store(HERE, local(replace(BOX, maybe=True), "box"), 0, Width(8), ONE),
    "declared otherwise": ir.Evaluate(HERE, local(ir.Word(), "box")),
    "assigned another type": ir.Assign(HERE, "box", ONE),
    "not a bool": ir.If(HERE, ONE, (), ()),
    "outside of a loop": ir.Break(HERE),
    "too far apart": ir.For(HERE, "i", ONE, ANY, 1, 9, ()),
    "may go round more often": ir.For(HERE, "i", ONE, ir.Constant(HERE, ir.Word(11, 11), 11), 1, 9, ()),
    "another type is returned": ir.Return(HERE, ir.Constant(HERE, ir.Bool(), 1)),
    "comes later": ir.Evaluate(HERE, ir.Call(HERE, ir.Word(), "nobody", ())),
    "no callback": ir.Evaluate(HERE, ir.Repeat(HERE, ir.Nothing(), ONE, "nobody", None)),
    "rounds is not bounded": ir.Evaluate(HERE, ir.Repeat(HERE, ir.Nothing(), ANY, "nobody", None)),
    "shift is not bounded": ir.Evaluate(HERE, ir.Binary(HERE, ir.Word(), "shl", ONE, ANY)),
    "divisor": ir.Evaluate(HERE, ir.Binary(HERE, ir.Word(), "div", ONE, ANY)),
    "a side is of another type": ir.Evaluate(HERE, ir.Choose(HERE, ir.Word(0, 1), ir.Constant(HERE, ir.Bool(), 1), ANY, ONE)),
    "not of its type": ir.Evaluate(HERE, ir.Constant(HERE, ir.Word(0, 3), 4)),
    "no such field": ir.Evaluate(HERE, replace(OCTETS, octets=1)),
    "not aligned": ir.Evaluate(HERE, ir.Atomic(HERE, ir.Nothing(), local(BOX, "box"), 2, Width(32), "add", ONE)),
    "not bounded so": ir.Evaluate(HERE, ir.Binary(HERE, ir.Word(0, 9), "add", ONE, ANY)),
    "signed and unsigned": ir.Evaluate(HERE, ir.Compare(HERE, ir.Bool(), "<", local(ir.Word(-1, 3), "total"), ANY)),
    "offset is not bounded": ir.Evaluate(HERE, ir.Header(HERE, ir.Pointer(accepted.Head, True, True), local(ir.Context(Skb), "packet"), ANY)),
}


@pytest.mark.parametrize("says", WRONG)
def test_a_broken_rule_is_named_with_its_place(says: str) -> None:
    module = translate([accepted.loops_and_leaves])
    (main,) = module.functions
    broken = replace(module, functions=(replace(main, body=(WRONG[says], *main.body)),))
    with pytest.raises(AssertionError) as caught:
        check(broken)
    assert says.strip() in str(caught.value)
    assert "accepted.py:9:5" in str(caught.value)


def test_a_function_must_not_reach_its_end() -> None:
    module = translate([accepted.branches])
    (main,) = module.functions
    with pytest.raises(AssertionError, match="can reach the end"):
        check(replace(module, functions=(replace(main, body=main.body[:-1]),)))


def test_callees_come_first() -> None:
    module = translate([accepted.calls_functions])
    with pytest.raises(AssertionError, match="comes later"):
        check(replace(module, functions=module.functions[::-1]))


def test_a_name_stands_for_one_thing() -> None:
    module = translate([accepted.branches])
    with pytest.raises(AssertionError, match="two things"):
        check(replace(module, functions=module.functions * 2))
