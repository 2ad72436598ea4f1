"""Sources that nobody means well with: each ends as a program or as a CompileError, never as another exception."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybpf.compiler import build
from pybpf.compiler.diag import CompileError
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.run import Machine, run
from pybpf.compiler.lang import Annotated, Array, Count, Skb, global_array, global_struct, u8
from tests.compiler.frontend.accepted_sample import Sample
from tests.compiler.kernel_text import module_of

HEAD = '\n\n@program("tc")\ndef main(packet: Skb) -> int:\n    x = packet.length & 1\n'


@pytest.mark.parametrize(
    "text",
    [
        "    return (" + " + ".join(["x"] * 500) + ") & 1\n",
        "    if x == 9:\n        return 0\n" + "".join(f"    elif x == {each}:\n        return {each & 1}\n" for each in range(400)) + "    return 1\n",
        "    return 1 if " + " or ".join(f"x == {each}" for each in range(300)) + " else 0\n",
        "    match x:\n" + "".join(f"        case {each}:\n            return {each & 1}\n" for each in range(400)) + "    return 1\n",
    ],
    ids=["operators", "elif", "or", "case"],
)
def test_hundreds_of_a_kind_are_no_matter(text: str, tmp_path: Path) -> None:
    assert build(translate([module_of(HEAD + text, tmp_path).main])).elf


def test_thousands_inside_each_other_are_refused(tmp_path: Path) -> None:
    module = module_of(HEAD + "    return (" + " + ".join(["x"] * 2000) + ") & 1\n", tmp_path)
    with pytest.raises(CompileError, match="nested too deep"):
        build(translate([module.main]))


def test_a_column_beyond_what_debug_information_has_is_a_place_all_the_same(tmp_path: Path) -> None:
    text = HEAD + "    y = 1" + " " * 70_000 + "; z = x + y; return z\n"
    assert build(translate([module_of(text, tmp_path).main])).elf


def test_a_text_takes_no_name_of_the_program(tmp_path: Path) -> None:
    text = '\n__text_0 = b"hello"\n' + HEAD + '    y = __text_0[1]\n    printk("abc %d", 3)\n    return y\n'
    module = translate([module_of(text, tmp_path).main])
    assert run([Machine(module)], "main", Skb(bytes(60))) == ord("e")


@pytest.mark.parametrize("section", [".text", ".maps", ".BTF", "license", "weird", ".data.", ".data.1", ".rodata.x\0", ".bss.x"])
def test_global_data_lies_in_data_sections(section: str) -> None:
    with pytest.raises(ValueError, match="no data section"):
        global_array(u8, 4, section)
    with pytest.raises(ValueError, match="no data section"):
        global_struct(Sample, section)


@pytest.mark.parametrize("count", [0, -4, 1 << 30, 2.5])
def test_an_array_has_elements(count: int) -> None:
    with pytest.raises(ValueError, match="an array has from 1"):
        Annotated[Array[u8], Count(count)]


def test_two_licences_are_no_object(tmp_path: Path) -> None:
    text = HEAD + '    return x\n\n\n@program("tc", licence="Proprietary")\ndef other(packet: Skb) -> int:\n    return 0\n'
    module = module_of(text, tmp_path)
    with pytest.raises(CompileError, match="another licence than main"):
        translate([module.main, module.other])
