"""Kernel programs in Python -> ELF bytes.

    programs --translate--> ir.Module --check, emit--> LLVM --compile_llvm--> ELF

LLVM is imported when something is compiled, not before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pybpf.compiler.diag import CompileError, Diagnostic, span_of_line
from pybpf.compiler.frontend import Specialisation, translate
from pybpf.compiler.frontend.translate import too_deep
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.depth import deep
from pybpf.compiler.lower.http_replies import reply_tables
from pybpf.compiler.lower.http_tables import HttpTables, Shape
from pybpf.kernel_progs import endpoint as endpoint_programs
from pybpf.kernel_progs import http_program, replies_program, stream_program, stripping
from pybpf.kernel_progs import prohibit as prohibit_programs
from pybpf.kernel_progs import refuse as refuse_programs

if TYPE_CHECKING:
    from pybpf.compiler.codegen import BackendError, Started

__all__ = ["Built", "build", "build_all", "compile_programs", "datapath_module", "rule_set_module", "shape_module"]

MOST_CHILDREN = 4  # that LLVM works in at a time
DATAPATH = (
    endpoint_programs.to_endpoint,
    endpoint_programs.from_endpoint,
    endpoint_programs.parse_packet,
    refuse_programs.refuse_packet,
    prohibit_programs.prohibit_packet,
    stream_program.judge_stream,
    stripping.strip_packet,
    replies_program.follow_replies,
)


@dataclass(frozen=True, slots=True)
class Built:
    """One module through the back end: the ELF object, and the stages before it as text."""

    module: ir.Module
    llvm: str
    elf: bytes

    @property
    def assembly(self) -> str:
        """The same as BPF assembly, for people: made anew each time it is asked for."""
        from pybpf.compiler import codegen

        return codegen.assembly(self.llvm)


def datapath_module() -> ir.Module:
    """The entry points of an endpoint and the refusing program."""
    return translate(DATAPATH, Specialisation({}, reply_tables().arrays))


def rule_set_module(tables: HttpTables) -> ir.Module:
    """The HTTP program, specialised for one rule set."""
    programs: Sequence[Callable[..., Any]] = (http_program.judge_http,)
    return translate(programs, Specialisation({}, tables.arrays))


def shape_module(shape: Shape) -> ir.Module:
    """The same with tables of zeros, which are filled when it is loaded: such tables refuse everything."""
    programs: Sequence[Callable[..., Any]] = (http_program.judge_http,)
    return translate(programs, Specialisation({}, {name: bytes(size) for name, size in shape.sizes}))


def compile_programs(*programs: Callable[..., Any], target: str = "") -> Built:
    """Typed Python functions (each a @program) and all they call and use, as one object.

    `target` is the oldest kernel it has to run on ("5.15"); empty: whatever the language knows. CompileError names
    everything that is wrong, each with its place in the Python file.
    """
    return build(translate(programs, target=target))


def build(module: ir.Module) -> Built:
    """IR -> ELF, by LLVM in a child process. Deterministic: the same module gives the same bytes.

    Raises CompileError for a stack that only LLVM could measure, BackendError for anything else LLVM cannot compile.
    """
    (built,) = build_all([lambda: module])
    return built


def build_all(modules: Iterable[Callable[[], ir.Module]]) -> tuple[Built, ...]:
    """Several modules -> ELF. LLVM works on one in its child process while the next is translated here. Raises as `build`."""
    from pybpf.compiler import codegen  # 150 ms and 65 MB: only where something is compiled

    with ExitStack() as abandoned:  # after an error no child is left behind
        begun: deque[tuple[ir.Module, str, Started]] = deque()
        made: list[Built] = []
        for make in modules:
            module = make()
            llvm = _emitted(module)
            if len(begun) == MOST_CHILDREN:
                made.append(_finished(*begun.popleft()))
            begun.append((module, llvm, codegen.started(llvm)))
            abandoned.callback(codegen.abandon, begun[-1][2])
        return (*made, *(_finished(*each) for each in begun))


def _emitted(module: ir.Module) -> str:
    """A module as LLVM's text, checked."""
    from pybpf.compiler import codegen

    try:
        with deep():
            return codegen.emit(check(module))
    except RecursionError:
        raise too_deep(module.functions[-1].source, module.functions[-1].place.line) from None


def _finished(module: ir.Module, llvm: str, child: Started) -> Built:
    """What a child made of a module."""
    from pybpf.compiler import codegen

    try:
        return Built(module, llvm, codegen.finished(child).elf)
    except codegen.BackendError as error:
        raise _located(module, error) from error


def _located(module: ir.Module, error: BackendError) -> Exception:
    """The error about the user's line, where LLVM names one and what is wrong there is the user's doing."""
    sources = {each.source.name: each.source for each in module.functions}
    source = sources.get(error.place[0]) if error.place is not None else None
    if error.place is None or source is None or not error.hint:
        return error
    said = str(error).splitlines()[0].rpartition(": ")[2]
    return CompileError([Diagnostic("kernel-stack", span_of_line(source, error.place[1]), f"`{error.function}`: {said}", error.hint)])
