"""Objects of the compiler in the kernel: refusals name the line of Python, and libbpf loads them as well."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pybpf.compiler.codegen import compile_llvm, emit
from pybpf.compiler.frontend import translate
from pybpf.elf import parse
from pybpf.kernel_progs.endpoint import from_endpoint, parse_packet, to_endpoint
from pybpf.kernel_progs.http_program import judge_http
from pybpf.kernel_progs.prohibit import prohibit_packet
from pybpf.kernel_progs.refuse import refuse_packet
from pybpf.loading import load
from pybpf.verifier import VerifierError
from tests.compiler.frontend.test_accepted import PROGRAMS
from tests.compiler.kernel_text import PRELUDE, module_of

pytestmark = pytest.mark.kernel
TOO_LONG = """
@function
def fill(box: Box) -> None:
    for i in range(65536):
        box.tail = i & 0xFF


@program("tc")
def main(packet: Skb) -> int:
    box = boxes.lookup(1)
    if box is None:
        return 1
    for i in range(65536):
        fill(box)
    return 2
"""


def test_a_refused_program_names_the_line_of_python(tmp_path: Path) -> None:
    module = module_of(TOO_LONG, tmp_path)
    spec = parse(compile_llvm(emit(translate([module.main]))).elf)
    with pytest.raises(VerifierError) as caught:
        load(spec)
    first = PRELUDE.count("\n") + TOO_LONG[: TOO_LONG.index("for i")].count("\n") + 1
    assert caught.value.place is not None
    assert caught.value.place[0].endswith(f"{module.__name__}.py")
    assert caught.value.place[1] in (first, first + 1)  # somewhere in the loop
    assert caught.value.finding.source in ("for i in range(65536):", "box.tail = i & 0xFF")


def test_the_kernel_takes_the_types_of_every_program() -> None:
    with load(parse(compile_llvm(emit(translate([to_endpoint, from_endpoint, parse_packet, judge_http, refuse_packet, prohibit_packet]))).elf)) as loaded:
        assert loaded.notes == ()


def test_bpftool_loads_the_same_objects(tmp_path: Path, bpffs: Path) -> None:
    tool = shutil.which("bpftool")
    if tool is None:
        pytest.skip("missing: bpftool (apt-get install bpftool)")
    for name, programs in (("accepted", PROGRAMS), ("datapath", [to_endpoint, from_endpoint, parse_packet, judge_http, refuse_packet, prohibit_packet])):
        file = tmp_path / f"{name}.o"
        file.write_bytes(compile_llvm(emit(translate(programs))).elf)
        done = subprocess.run([tool, "prog", "loadall", str(file), str(bpffs / name)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert {each.name for each in (bpffs / name).iterdir()} == {each.__name__ for each in programs}
