"""IR -> ELF object. The only importer of llvmlite, which costs 150 ms: import this room where something is compiled."""

from pybpf.compiler.codegen.emit import emit
from pybpf.compiler.codegen.target import (
    Object,
    Started,
    abandon,
    assembly,
    compile_llvm,
    finished,
    started,
)
from pybpf.compiler.diag import BackendError

__all__ = ["BackendError", "Object", "Started", "abandon", "assembly", "compile_llvm", "emit", "finished", "started"]
