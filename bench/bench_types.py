"""What the kernel's own types cost to read: once in a process that has programs with CO-RE or kfuncs."""

from __future__ import annotations

from typing import Any

import pytest

from pybpf.btf import Kind
from pybpf.btf_kernel import VMLINUX, KernelTypes


def test_reading_the_kernels_types(benchmark: Any) -> None:
    """No goal: 5 MB, of which one struct is looked up."""
    if not VMLINUX.exists():
        pytest.skip(f"missing: {VMLINUX} (use a kernel built with CONFIG_DEBUG_INFO_BTF)")
    blob = VMLINUX.read_bytes()
    assert benchmark(lambda: KernelTypes(blob).named("task_struct", {Kind.STRUCT}))
