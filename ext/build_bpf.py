"""_bpf.cdef.h, _bpf.c -> the extension module pybpf._bpf (cffi, API mode, limited ABI). Needs a C compiler, no kernel headers."""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent

ffibuilder = FFI()
ffibuilder.cdef((HERE / "_bpf.cdef.h").read_text())
ffibuilder.set_source(
    "pybpf._bpf",
    (HERE / "_bpf.c").read_text(),
    include_dirs=[str(HERE)],
    depends=[str(HERE / "_bpf.c"), str(HERE / "_bpf.cdef.h")],
    extra_compile_args=["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
