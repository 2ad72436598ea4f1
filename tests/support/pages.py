"""The Python of a documentation page as one module, in a file of its own so that its source can be read."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from pybpf.compiler.frontend.signature import role
from pybpf.compiler.lang import Context, PacketContext, Role

ROOT = Path(__file__).resolve().parents[2]


def module_of_page(page: str, folder: Path) -> ModuleType:
    """All Python blocks of docs/`page`, one after the other."""
    text = (ROOT / "docs" / page).read_text()
    name = f"page_{page.partition('.')[0].replace('-', '_')}"
    path = folder / f"{name}.py"
    path.write_text("from __future__ import annotations\n\n" + "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module


def programs_of(module: ModuleType) -> list[Callable[..., Any]]:
    """The programs of a module."""
    return [each for each in vars(module).values() if role(each) is Role.PROGRAM and each.__module__ == module.__name__]


def context_of(program: Callable[..., Any]) -> Context:
    """A context such as the program is called with: a packet of 100 bytes, every field 0."""
    kind = next(hint for name, hint in get_type_hints(program).items() if name != "return")
    made = kind(bytes(100)) if issubclass(kind, PacketContext) else kind()
    assert isinstance(made, Context)
    return made
