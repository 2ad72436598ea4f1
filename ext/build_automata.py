"""automata/ -> the extension module pybpf.compiler.automata._automata (cffi, API mode, limited ABI). Needs a C compiler, no headers."""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent / "automata"
ROOT = HERE.parent.parent
SOURCES = sorted(HERE.glob("*.c"))
HEADERS = sorted(HERE.glob("*.h"))
DECLARATIONS = HERE / "automata.cdef.h"

ffibuilder = FFI()
ffibuilder.cdef(DECLARATIONS.read_text())
ffibuilder.set_source(
    "pybpf.compiler.automata._automata",
    f'#include <stdint.h>\n#include "{DECLARATIONS.name}"\n',
    sources=[str(path.relative_to(ROOT)) for path in SOURCES],
    include_dirs=[str(HERE)],
    depends=[str(path) for path in (*SOURCES, *HEADERS)],
    extra_compile_args=["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
