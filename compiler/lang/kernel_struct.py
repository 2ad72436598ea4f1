"""KernelStruct: a struct of the kernel's own, read from wherever this kernel has its fields (CO-RE).

A program declares the fields it reads, by their names and types in the kernel; their places are found when the
object is loaded, in the kernel's BTF. Reading never faults: what cannot be read is 0.

    class Task(KernelStruct, symbol="task_struct"):
        tgid: s32
        real_parent: Annotated[Task, POINTED]

    parent = Task.at(get_current_task()).real_parent.tgid
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, ForwardRef, Self, get_args, get_origin

from pybpf.compiler.lang.integers import Width, width_of


class Pointed:
    """Marks a field that is a pointer to a KernelStruct; without it the struct lies inside."""


POINTED: Final = Pointed()


@dataclass(frozen=True, slots=True)
class KernelField:
    """A field by its name: a number, a pointer to a struct, or a struct inside."""

    name: str
    index: int
    type: Width | type[KernelStruct]
    is_pointer: bool


class KernelStruct:
    """The base of all of them. In CPython an instance has what it is made with, and `at` finds it by its address."""

    symbol: ClassVar[str]
    _at: ClassVar[dict[int, KernelStruct]] = {}

    def __init_subclass__(cls, symbol: str = "") -> None:
        cls.symbol = symbol or cls.__name__

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    @classmethod
    def kernel_fields(cls) -> dict[str, KernelField]:
        """The declared fields. Raises TypeError for one of no kernel type. Not at class creation: a struct may name itself."""
        names = vars(sys.modules[cls.__module__]) | {cls.__name__: cls}
        hints = inspect.get_annotations(cls, globals=names, eval_str=True)
        return {name: _field(cls, name, index, hint, names) for index, (name, hint) in enumerate(hints.items())}

    @classmethod
    def at(cls, address: int) -> Self:
        """The struct at a kernel address. In CPython: what was `put` there, or one whose fields are all 0."""
        found = cls._at.get(address)
        return found if isinstance(found, cls) else cls()

    def put(self, address: int) -> Self:
        """Let `at(address)` give this one; for tests."""
        KernelStruct._at[address] = self
        return self

    def __getattr__(self, name: str) -> Any:
        field = type(self).kernel_fields().get(name) if not name.startswith("_") else None
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        return 0 if isinstance(field.type, Width) else field.type()


def _field(owner: type[KernelStruct], name: str, index: int, hint: Any, names: dict[str, Any]) -> KernelField:
    if (width := width_of(hint)) is not None and width.order == "little":
        return KernelField(name, index, width, False)
    notes = getattr(hint, "__metadata__", ())
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if isinstance(inner, ForwardRef):  # a name in quotes
        inner = names.get(inner.__forward_arg__)
    if isinstance(inner, type) and issubclass(inner, KernelStruct):
        return KernelField(name, index, inner, any(isinstance(note, Pointed) for note in notes))
    raise TypeError(f"{owner.__name__}.{name}: {hint!r} is not a field of a kernel struct (u8..u64, s8..s64, KernelStruct, POINTED)")
