"""What compiling costs: front end and LLVM together, in a warm process; and what importing costs without compiling."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from bench.small_program import flows_by_port
from pybpf.compiler import build
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.check import check
from pybpf.compiler.pipeline import DATAPATH
from pybpf.kernel_progs import http

PROGRAMS = (*DATAPATH, http.judge_http)


def test_a_program_of_fifty_lines(benchmark: Any) -> None:
    """Goal: 40 ms."""
    built = benchmark(lambda: build(translate([flows_by_port])))
    assert built.elf.startswith(b"\x7fELF")


def test_all_kernel_programs(benchmark: Any) -> None:
    """Goal: 400 ms."""
    built = benchmark(lambda: build(translate(PROGRAMS)))
    assert built.elf.startswith(b"\x7fELF")


def test_the_front_end_alone(benchmark: Any) -> None:
    module = benchmark(lambda: check(translate(PROGRAMS)))
    assert module.functions


def test_importing_pybpf(benchmark: Any) -> None:
    """Goal: 100 ms, interpreter included, and no LLVM."""
    script = "import sys, pybpf; sys.exit('llvmlite' in sys.modules)"
    assert benchmark(lambda: subprocess.run([sys.executable, "-c", script]).returncode) == 0
