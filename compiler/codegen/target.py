"""LLVM assembly -> BPF ELF object, in a child process.

LLVM's BPF back end ends the process when it meets what it cannot compile (a stack over 512 bytes, a sixth
argument): exit(1) or abort(), not an exception. So a forked child compiles and hands the bytes back through a
pipe; what it wrote to its standard error becomes the exception. A fork costs 6 to 10 ms.
"""

from __future__ import annotations

import os
import select
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, NoReturn

import llvmlite.binding as llvm

from pybpf.compiler.diag import STOPPED, BackendError

MOST_SECONDS = 120  # for one module; the largest here takes one
TRIPLE, CPU = "bpfel", "v3"
Emit = Callable[[llvm.TargetMachine, llvm.ModuleRef], bytes]
# A sum over a loop would become one multiplication of 128 bits, for which BPF has no instruction, and a loop that copies or
# clears a call of memcpy or memset, which nobody has.
_OPTIONS = ("-replexitval=never", "-disable-loop-idiom-all")


@dataclass(frozen=True, slots=True)
class Object:
    """What the back end made: a whole ELF file."""

    elf: bytes


@dataclass(frozen=True, slots=True)
class Started:
    """A child process at work on one module. Owned by whoever started it, who must let `finished` end it."""

    pid: int
    answer: int  # file descriptor
    complaints: IO[bytes]


def compile_llvm(text: str) -> Object:
    """The object of one LLVM module. Raises BackendError; never ends the calling process."""
    return finished(started(text))


def started(text: str) -> Started:
    """A child that makes the object of one LLVM module, while the caller goes on."""
    return _start(text, lambda machine, module: machine.emit_object(module))


def finished(child: Started) -> Object:
    """What a child made, once it is done. Raises BackendError."""
    return Object(_end(child))


def abandon(child: Started) -> None:
    """Let go of a child that nobody waits for any more; nothing when it is finished."""
    if not child.complaints.closed:
        os.kill(child.pid, signal.SIGKILL)
        with suppress(BackendError):
            _end(child)


def assembly(text: str) -> str:
    """The same as BPF assembly, for people. Raises BackendError."""
    return _end(_start(text, lambda machine, module: machine.emit_assembly(module).encode())).decode()


def _start(text: str, emit: Emit) -> Started:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    result, write = os.pipe()
    complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed by whoever ends the child
    child = os.fork()
    if child == 0:
        os.close(result)
        os.dup2(complaints.fileno(), 2)
        _compile_and_exit(text, emit, write)
    os.close(write)
    return Started(child, result, complaints)


def _end(child: Started) -> bytes:
    with child.complaints as complaints:
        try:
            with os.fdopen(child.answer, "rb") as pipe:
                is_slow = not select.select([pipe], [], [], MOST_SECONDS)[0]
                if is_slow:
                    os.kill(child.pid, signal.SIGKILL)
                answer = pipe.read()
        except BaseException:  # nobody will wait for the child any more
            os.kill(child.pid, signal.SIGKILL)
            raise
        finally:
            _, status = os.waitpid(child.pid, 0)
        complaints.seek(0)
        said = complaints.read().decode(errors="replace").strip()
    if is_slow:
        raise BackendError(f"the back end was {STOPPED} after {MOST_SECONDS} seconds")
    if status != 0 or not answer:
        raise BackendError(said or f"the back end ended with status {status}")
    return answer


def _compile_and_exit(text: str, emit: Emit, write: int) -> NoReturn:
    """In the child: compile, send, exit without running anybody's cleanup."""
    status = 1
    try:
        answer = _compile(text, emit)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(answer)
        status = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(status)


def _compile(text: str, emit: Emit) -> bytes:
    for option in _OPTIONS:
        llvm.set_option("", option)  # for the whole process, which is the child
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=CPU, opt=2)
    module = llvm.parse_assembly(text)
    module.verify()
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = tuning.loop_interleaving = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return emit(machine, module)
