"""Methods of packets do in CPython what they do in the kernel: the same result, and the same packet left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybpf.compiler import compile_programs
from pybpf.compiler.lang import Skb, Xdp, run
from pybpf.elf import parse
from pybpf.loading import load
from tests.compiler.kernel_text import module_of

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

STRUCTS = """

class Eight(Struct):
    value: u64


class Line(Struct):
    octets: Annotated[Array[u8], Count(24)]
"""
# Behind the Ethernet header: bytes that are no header of anything, and zeroes where the checksums below are
PACKETS = [bytes(range(1, 13)) + b"\x08\x00" + bytes((37 * at) & 0xFF for at in range(50)), bytes(12) + b"\x12\x34" + bytes(50)]
PLACES = (0, 30, 56, 57, 60, 61, 64, 0xFFFF, 0x10000, 0xFFFFFFFF)
SAME = [
    *(f"store({at}, b'abcd')" for at in PLACES),
    *(f"load({at}, eight)" for at in PLACES),
    *(f"load_bytes({at}, line.octets, {length})" for at in (0, 50, 60) for length in (1, 4, 14, 16)),
]
CHECKSUMS_AT = (24, 25, 36, 62, 63)
CHANGES = ("0x1234, 0x4321, 2", "0x112345, 0x998877, 2", "0xC0A80101, 0x08080808, 4", "0, 0x1FFFF, 0", "7, 0x1FFFF, 0", "1, 2, 3", "1, 2, 8")  # old, new, size
L4_CHANGES = ("1, 2, 0x12", "1, 2, 0x42", "1, 2, 0x22", "1, 2, 0x32", "1, 2, 0x62", "1, 2, 0x82", "1, 2, 0x102", "0, 0xFFFF, 0x62", "2, 1, 0x20")
OF_SKB = [
    *SAME,
    *(f"change_tail({length})" for length in (0, 13, 14, 15, 34, 60, 64, 65, 1500, 9000, 16064, 16065, 70000)),
    *(f"change_head({length})" for length in (0, 1, 14, 64, 1000, 16000, 16001, 70000)),
    *(f"pull({length})" for length in (0, 1, 14, 63, 64, 65, 1000)),
    *(f"replace_l3_checksum({at}, {change})" for at in (*CHECKSUMS_AT, 64, 0x10000) for change in (*CHANGES, "1, 2, 0x12")),
    *(f"replace_l4_checksum({at}, {change})" for at in CHECKSUMS_AT for change in (*CHANGES, *L4_CHANGES)),
]
OF_XDP = [
    *SAME,
    *(f"adjust_head({difference})" for difference in (0, 1, 14, 49, 50, 51, 64, -1, -14, -216, -217, -257, 0x7FFFFFFF, -0x80000000)),
    *(f"adjust_tail({difference})" for difference in (0, 1, -1, -49, -50, -51, -64, 100, 3000, 3456, 3457, 0x7FFFFFFF, -0x80000000)),
    "get_buffer_length() == 64",
]


def text(number: int, section: str, context: str, call: str) -> str:
    """A program that makes the call: what it returns tells whether it was done, and what was loaded."""
    lines = [f'@program("{section}")', f"def call_{number}(packet: {context}) -> int:"]
    lines += ["    eight = Eight()", "    eight.value = 0x77"] if "eight" in call else []
    lines += ["    line = Line()", "    line.octets[0] = 0x55", "    line.octets[15] = 0x56"] if "line" in call else []
    loaded = "eight.value & 0xFFFF" if "eight" in call else "line.octets[0] + (line.octets[15] << 8)" if "line" in call else "0"
    return "\n".join([*lines, f"    done = packet.{call}", f"    return 0x10000 + ({loaded}) if done else {loaded}", ""])


@pytest.mark.parametrize(("section", "context", "calls"), [("tc", Skb, OF_SKB), ("xdp", Xdp, OF_XDP)], ids=["tc", "xdp"])
def test_what_a_method_does_in_cpython_it_does_in_the_kernel(section: str, context: type[Skb] | type[Xdp], calls: list[str], tmp_path: Path) -> None:
    module = module_of(STRUCTS + "\n\n" + "\n\n".join(text(number, section, context.__name__, call) for number, call in enumerate(calls)), tmp_path)
    programs = [getattr(module, f"call_{number}") for number in range(len(calls))]
    with load(parse(compile_programs(*programs).elf)) as loaded:
        for packet in PACKETS:
            for call, program in zip(calls, programs, strict=True):
                given = context(packet)
                result = run(program, given)
                done = loaded.programs[program.__name__].test_run(packet)
                assert (done.return_value, done.data) == (result, bytes(given.octets)), call
