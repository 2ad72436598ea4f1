"""Kernel programs as text: a module made of it, with what every such text may use."""

from __future__ import annotations

import importlib.util
import sys
from itertools import count
from pathlib import Path
from types import ModuleType

PRELUDE = '''from __future__ import annotations

from pybpf.compiler.lang import *


class Inner(Struct):
    low: u32
    high: be16
    pad: u16


class Box(Struct):
    count: u64
    inner: Inner
    wide: be32
    tick: u32
    octets: Annotated[Array[u8], Count(16)]
    small: u8
    tail: volatile_u16


class Other(Struct):
    value: u64


class Frame(Struct, packed=True):
    kind: be16
    words: u32
    inner: Inner


boxes = ArrayMap(Box, 4)
others = HashMap(u32, Other, 8)
numbers = HashMap(u32, u64, 8)
stages = ProgramArray(4)
ring = RingBuffer(4096)
table = global_array(u16, 16, ".data.t")
constants = global_array(u8, 8, ".rodata.c")
BANNER = b"abcdefgh"
HUGE = 1 << 64
'''
_numbers = count()


def module_of(text: str, folder: Path) -> ModuleType:
    """The module that `text` is, after the prelude; a file of its own in `folder`, so that its source can be read."""
    name = f"kernel_text_{next(_numbers)}"
    path = folder / f"{name}.py"
    path.write_text(PRELUDE + text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module
