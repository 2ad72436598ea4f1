"""The text of the IR."""

from __future__ import annotations

from pathlib import Path

from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.show import show
from tests.compiler.frontend.test_accepted import PROGRAMS
from tests.compiler.kernel_text import PRELUDE, module_of

PROGRAM = """@callback
def step(number: u32) -> bool:
    return number > 3


@function
def take(box: Box, other: Box | None) -> u32:
    if other is None:
        return 1
    box.wide = other.inner.high + box.octets[other.small & 15]
    return box.tick


@program("tc")
def main(packet: Skb) -> int:
    box = boxes.lookup(packet.length & 3)
    frame = packet.header(Frame, 14)
    if box is None or frame is None:
        return 0
    mine = Box()
    mine.inner.copy_from(frame.inner)
    for i in range(2, 4):
        if BANNER[i] == table[i]:
            continue
        mine.add_atomic("tick", 1 if i == 2 else ~i)
    repeat(9, step)
    stages.tail_call(packet, 2)
    return take(mine, None) // 3
"""
TEXT = """license Dual MIT/GPL

map boxes: ARRAY (u32 -> Box) x 4
map stages: PROG_ARRAY (u32 -> u32) x 4
global BANNER: u8[8] in .rodata = 6162636465666768
global table: u16[16] in .data.t = zero

callback step(number: word[0..4294967295]) -> bool at FILE:2
    return (number > 3)  ; 3

function take(box: Box, other: Box?) -> word[0..4294967295] at FILE:7
    if other is none  ; 8
        return 1  ; 9
    box.wide:be32 = (other.inner.high:be16 + &box.octets[(other.small:u8 & 15)]:u8)  ; 10
    return box.tick:u32  ; 11

program main(packet: Skb) -> word at FILE:15 in tc
    local box: Box?
    local frame: Frame?
    local i: word
    local mine: Box?
    stack mine: Box
    box = boxes.lookup((packet.length & 3))  ; 16
    frame = packet.header(Frame, 14)  ; 17
    if (box is none or frame is none)  ; 18
        return 0  ; 19
    clear &mine  ; 20
    mine = &mine  ; 20
    copy &mine.inner <- &frame.inner  ; 21
    for i in 2..4  ; 22
        if (@BANNER[i]:u8 == @table[i]:u16)  ; 23
            continue  ; 24
        atomic(mine.tick add (1 if (i == 2) else ~i))  ; 25
    repeat(9, step)  ; 26
    stages.tail_call(packet, 2)  ; 27
    return (take(mine, none) // 3)  ; 28
"""


def test_every_construct_has_its_text(tmp_path: Path) -> None:
    module = module_of(PROGRAM, tmp_path)
    first = PRELUDE.count("\n")
    lines = show(translate([module.main])).replace(f"{tmp_path.name}/{module.__name__}.py", "FILE").split("\n")
    shown = []
    for line in lines:
        text, separator, number = line.rpartition("  ; ") if "  ; " in line else line.rpartition("FILE:")
        number, _, rest = number.partition(" ")
        shown.append(f"{text}{separator}{int(number) - first}{' ' + rest if rest else ''}" if separator else line)
    assert "\n".join(shown) == TEXT


def test_equal_modules_have_equal_texts() -> None:
    assert show(translate(PROGRAMS)) == show(translate(PROGRAMS))
