"""What compiling costs: front end and LLVM together, in a warm process; and what importing costs without compiling."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from bench.small_program import flows_by_port
from pybpf.compiler import build, build_all
from pybpf.compiler.building import DATAPATH
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.check import check
from pybpf.kernel_progs import http_program

PROGRAMS = (*DATAPATH, http_program.judge_http)


def test_a_program_of_fifty_lines(benchmark: Any) -> None:
    """Goal: 40 ms."""
    built = benchmark(lambda: build(translate([flows_by_port])))
    assert built.elf.startswith(b"\x7fELF")


def test_all_kernel_programs(benchmark: Any) -> None:
    """Goal: 400 ms. As enforcement makes them: the datapath and a rule set's program are objects of their own."""
    modules = (lambda: translate(DATAPATH), lambda: translate([http_program.judge_http]))
    built = benchmark(lambda: build_all(modules))
    assert len(built) == 2 and all(each.elf.startswith(b"\x7fELF") for each in built)


def test_the_front_end_alone(benchmark: Any) -> None:
    module = benchmark(lambda: check(translate(PROGRAMS)))
    assert module.functions


def test_importing_pybpf(benchmark: Any) -> None:
    """Goal: 100 ms, interpreter included, and no LLVM."""
    script = "import sys, pybpf; sys.exit('llvmlite' in sys.modules)"
    assert benchmark(lambda: subprocess.run([sys.executable, "-c", script]).returncode) == 0
