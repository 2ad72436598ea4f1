"""PythonBPF's published examples, rewritten: every one compiles and loads; those with a user half are seen at work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pybpf
from pybpf.cli.build import programs_of
from pybpf.compiler.lang.declare import MARK
from tests.kernel.test_examples import running, said
from tests.support.examples import FOLDER, module_of_example

pytestmark = pytest.mark.kernel
FILES = sorted((FOLDER.parent / "pythonbpf").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    programs = programs_of(module_of_example(path))
    with pybpf.load(pybpf.compile_programs(*programs).elf) as loaded:
        assert set(loaded.programs) == {each.__name__ for each in programs}
        assert all(getattr(each, MARK).section for each in programs)


def test_syncs_are_counted() -> None:
    with running("sync_count", "3") as process:
        for _ in range(3):
            os.sync()
        text = said(process)
    assert "2 syncs, the last two" in text


def test_reads_are_timed() -> None:
    with running("vfsreadlat", "2") as process:
        for _ in range(50):
            Path("/proc/self/stat").read_bytes()
        text = said(process)
    assert sum(int(line.split()[3]) for line in text.splitlines()) >= 50


def test_what_runs_is_sampled() -> None:
    with running("stack_traces", "3") as process:
        busy = subprocess.Popen([sys.executable, "-c", "import time; end = time.monotonic() + 2\nwhile time.monotonic() < end: pass"])
        text = said(process)
        busy.wait(timeout=20)
    mine = [line for line in text.splitlines() if line.split()[0] == str(busy.pid)]
    assert mine
    assert any("frames of the kernel" in line for line in mine)


def test_removals_are_counted(tmp_path: Path) -> None:
    module = module_of_example(FOLDER.parent / "pythonbpf" / "kprobes.py")
    with pybpf.load(pybpf.compile_programs(module.call_begins, module.call_ends).elf) as loaded:
        begins = pybpf.attach(loaded, "call_begins", pybpf.Tracepoint("syscalls", "sys_enter_unlinkat"))
        with begins, pybpf.attach(loaded, "call_ends", pybpf.Tracepoint("syscalls", "sys_exit_unlinkat")):
            for each in range(3):
                path = tmp_path / str(each)
                path.touch()
                subprocess.run(["rm", str(path)], check=True)
        counts = [sum(int.from_bytes(cpu, "little") for cpu in loaded.maps["calls"].lookup_per_cpu(each.to_bytes(4, "little")) or ()) for each in range(2)]
    assert min(counts) >= 3


def test_requests_to_disks_are_timed(tmp_path: Path) -> None:
    """A write to a file that is on a disk; where none is, the programs are attached all the same."""
    with running("disksnoop", "3") as process:
        target = Path("/var/tmp/disksnoop.test")
        with target.open("wb") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
        time.sleep(0.2)
        target.unlink()
        text = said(process)
    assert all("bytes" in line and "us" in line for line in text.splitlines())
