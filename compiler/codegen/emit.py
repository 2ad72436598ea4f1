"""ir.Module -> LLVM module text.

Locals become allocas and LLVM builds SSA from them. Functions other than programs are always inlined: the
verifier follows a value's bounds through a caller, not across a call. Declarations here, bodies in body.py.
"""

from __future__ import annotations

from llvmlite import ir as ll

from pybpf.compiler.codegen.body import BodyEmitter
from pybpf.compiler.codegen.debug import DebugInfo
from pybpf.compiler.codegen.types import I8, I32, I64, POINTER, memory_type, opaque, value_type
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.alignment import alignments
from pybpf.compiler.lang import Role

TRIPLE = "bpfel"
DATA_LAYOUT = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"  # without it LLVM splits 64-bit loads


def emit(source: ir.Module) -> str:
    """The module as LLVM assembly, deterministic."""
    module = ll.Module("pybpf")
    module.triple, module.data_layout = TRIPLE, DATA_LAYOUT
    programs = [function for function in source.functions if function.role is Role.PROGRAM]
    debug = DebugInfo(programs[0].source)
    _add_data(module, "_license", "license", source.license.encode() + b"\0")
    for each in source.maps:
        variable = ll.GlobalVariable(module, ll.ArrayType(POINTER, debug.map_octets(each.declaration) // 8), each.name)
        variable.section, variable.align, variable.initializer = ".maps", 8, ll.Constant(variable.value_type, None)
        debug.describe_map(variable, each.declaration)
        opaque(variable)
    for data in source.globals:
        variable = _add_data(module, data.name, data.section, data.content)
        if data.section.startswith(".rodata"):
            # Whoever loads the object may set it before: what is in it here is not to be folded away.
            variable.global_constant, variable.storage_class = True, "externally_initialized"
        debug.describe_data(variable, data)
        opaque(variable)
    functions = {function.name: _declare(module, function) for function in source.functions}
    addresses = alignments(source)
    for function in source.functions:
        BodyEmitter(module, addresses[function.name], functions, debug).run()
    externs = "".join(f"{_extern(each, debug)}\n" for each in source.kfuncs)
    return f"{module}\n{externs}{debug.text()}"


def _extern(kfunc: ir.Kfunc, debug: DebugInfo) -> str:
    """The declaration of a function of the kernel's own, which the loader finds by its name and its type."""
    parameters = ", ".join(str(memory_type(each.type)) for each in kfunc.parameters)
    return f'declare !dbg {debug.extern(kfunc).get_reference()} {memory_type(kfunc.result)} @{kfunc.name}({parameters}) section ".ksyms"'


def _add_data(module: ll.Module, name: str, section: str, content: bytes) -> ll.GlobalVariable:
    variable = ll.GlobalVariable(module, ll.ArrayType(I8, len(content)), name)
    variable.section, variable.align = section, 8
    variable.initializer = ll.Constant(variable.value_type, bytearray(content) if any(content) else None)
    return variable


def _declare(module: ll.Module, function: ir.Function) -> ll.Function:
    parameters = [value_type(each.type) for each in function.parameters]
    match function.role:
        case Role.PROGRAM:
            made = ll.Function(module, ll.FunctionType(I32, parameters), function.name)
            made.section = function.section
        case Role.FUNCTION:
            made = ll.Function(module, ll.FunctionType(value_type(function.result), parameters), function.name)
            made.linkage = "internal"
            made.attributes.add("alwaysinline")
        case Role.SUBPROGRAM:
            made = ll.Function(module, ll.FunctionType(value_type(function.result), parameters), function.name)
            made.linkage = "internal"
            made.attributes.add("noinline")
        case Role.CALLBACK:  # long (*callback)(u64 round, void *state), or (map *, key *, value *, ...)
            rest = function.given - function.hidden - len(parameters)
            made = ll.Function(module, ll.FunctionType(I64, [*[POINTER] * function.hidden, *(parameters if not function.hidden else [POINTER] * len(parameters)), *[POINTER] * rest]), function.name)
            made.linkage = "internal"
            made.attributes.add("noinline")
    made.attributes.add("nounwind")  # no .eh_frame
    set.add(made.attributes, '"no-builtins"')  # no stores are made a call of memset; llvmlite knows attributes without quotes only
    return made
