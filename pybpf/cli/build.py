"""`pybpf build`: the typed Python programs of a file -> one BPF object."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import click

from pybpf.cli import render
from pybpf.cli.failing import Unable, reason
from pybpf.cli.outputs import STANDARD_STREAM, write
from pybpf.compiler.diag import CompileError

if TYPE_CHECKING:
    from pybpf.compiler import Built


@click.command("build")
@click.argument("path", metavar="FILE.py", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="OUT", help="Where to write; - for standard output. Needed for an object.")
@click.option("--emit", type=click.Choice(["asm", "ir", "llvm"]), help="Write this stage as text in place of the object.")
@click.option("--target", metavar="VERSION", default="", help="The oldest kernel it has to run on, such as 5.15.")
@click.pass_context
def build_programs(context: click.Context, path: Path, output: str | None, emit: str | None, target: str) -> None:
    """Compile every @program function of FILE.py to one BPF object, or show a stage on the way.

    The file is imported, so what it does at import is done. Exit status 1 when a program is wrong, 2 when the file
    cannot be imported or something cannot be written.
    """
    if output is None and emit is None:
        raise click.UsageError("an object needs a place: give -o OUT.o, or --emit to see a stage as text")
    programs = programs_of(_imported(path))
    if not programs:
        raise Unable(f"{path}: no function in it is marked with @program")
    try:
        from pybpf.compiler import compile_programs

        built = compile_programs(*programs, target=target)
        content = STAGES[emit](built).encode() if emit is not None else built.elf
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        context.exit(1)
    except ValueError as error:
        raise Unable(str(error)) from error
    write(output or STANDARD_STREAM, content)


def programs_of(module: ModuleType) -> list[Callable[..., Any]]:
    """The functions that a module itself defines as programs, in its order."""
    from pybpf.compiler.frontend.signature import role
    from pybpf.compiler.lang import Role

    own = [each for each in vars(module).values() if isinstance(each, FunctionType) and role(each) is Role.PROGRAM and each.__module__ == module.__name__]
    reached = {each.__code__.co_firstlineno for each in own}
    for line, name in _marked(module):
        if line not in reached:
            raise Unable(f"{module.__file__}:{line}: the program {name} cannot be reached: another thing has its name, or it stands inside of something")
    return [*own]


def _marked(module: ModuleType) -> Iterator[tuple[int, str]]:
    """(line, name) of every definition in a file that is decorated with @program(...), wherever it stands."""
    from pybpf.compiler.lang import program

    assert module.__file__ is not None
    for node in ast.walk(ast.parse(Path(module.__file__).read_bytes())):
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            called: Any = module
            for name in ast.unparse(decorator.func).split(".") if isinstance(decorator, ast.Call) else ():
                called = getattr(called, name, None)
            if called is program and isinstance(node, ast.FunctionDef):
                yield min(each.lineno for each in node.decorator_list), node.name


def _imported(path: Path) -> ModuleType:
    """The module that a file is. Anything its code raises is told with the place in it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Unable(f"{path}: not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # annotations are looked up there
    sys.path.insert(0, str(path.resolve().parent))  # as for `python FILE.py`
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise Unable(f"{path}: {reason(error)}") from error
    except Exception as error:
        raise Unable(f"{path}: importing it failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    return module


def _ir(built: Built) -> str:
    from pybpf.compiler.ir.show import show

    return show(built.module)


# --emit STAGE -> what shows it
STAGES: Final[dict[str, Callable[[Built], str]]] = {"asm": lambda built: built.assembly, "ir": _ir, "llvm": lambda built: built.llvm}
