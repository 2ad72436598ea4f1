"""Tracepoint and RawTracepoint: bases of the contexts that a program declares itself.

    class SchedExec(Tracepoint):        # as /sys/kernel/tracing/events/sched/sched_process_exec/format has it
        filename: data_loc
        pid: s32
        old_pid: s32

    class SchedExecArguments(RawTracepoint):  # as TP_PROTO in include/trace/events/sched.h has it
        task: u64
        old_pid: s32
        binary: u64

Nothing checks the declaration against this kernel: a tracepoint that has other fields gives other numbers.
"""

from __future__ import annotations

from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from pybpf.compiler.lang.context import Context, ContextField, Rights
from pybpf.compiler.lang.helpers.of_tracing import TracingMethods
from pybpf.compiler.lang.integers import Width, u32, width_of
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.memory import Array, Count

data_loc = u32  # where a string lies: its offset from the start of the context in the lower 16 bits, its length above

COMMON_BYTES = 8  # common_type to common_pid: the kernel gives them to nobody (tp_prog_is_valid_access)
MAX_TRACEPOINT_BYTES = 8192  # PERF_MAX_TRACE_SIZE (include/linux/trace_events.h)
MAX_ARGUMENTS = 12  # MAX_BPF_FUNC_ARGS (include/linux/bpf.h)
SLOT_BYTES = 8  # each argument of a raw tracepoint has a u64


class Tracepoint(TracingMethods):
    """The base of a tracepoint's record: fields in order from byte 8, each at a multiple of its alignment, as in C.

    An `Annotated[Array[u8], Count(16)]` takes its room and cannot be read field by field. Raises TypeError for any other type.
    """

    rights: ClassVar = {ProgramType.TRACEPOINT: Rights()}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__(symbol=cls.__name__)
        at, cls.context_fields = COMMON_BYTES, {}
        for name, hint in _declared(cls).items():
            element, count = _shape(cls, name, hint)
            at += -at % element.octets
            if count is None:
                cls.context_fields[name] = ContextField(name, at, element, element, name)
            at += element.octets * (1 if count is None else count)
        if at > MAX_TRACEPOINT_BYTES:
            raise TypeError(f"{cls.__name__} has {at} bytes, and no tracepoint more than {MAX_TRACEPOINT_BYTES}")


class RawTracepoint(TracingMethods):
    """The base of a raw tracepoint's arguments: in order, each with eight bytes of its own, of which the lower ones count.

    Raises TypeError for more than twelve, and for what is not an integer; pointers are u64.
    """

    rights: ClassVar = {ProgramType.RAW_TRACEPOINT: Rights()}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__(symbol=cls.__name__)
        cls.context_fields = {}
        for index, (name, hint) in enumerate(_declared(cls).items()):
            width, count = _shape(cls, name, hint)
            if count is not None or index == MAX_ARGUMENTS:
                raise TypeError(f"{cls.__name__}.{name}: a raw tracepoint has at most {MAX_ARGUMENTS} arguments, each an integer")
            cls.context_fields[name] = ContextField(name, SLOT_BYTES * index, width, width, name)


def _declared(cls: type[Context]) -> dict[str, Any]:
    """The annotations of the fields, those of the classes in between first."""
    hints = get_type_hints(cls, include_extras=True)
    kept = vars(Context).get("__annotations__", {})
    return {name: hint for name, hint in hints.items() if ClassVar not in (hint, get_origin(hint)) and name not in kept}


def _shape(cls: type[Context], name: str, hint: Any) -> tuple[Width, int | None]:
    """(type of an element, how many of them in an array or None for a number) of a field; TypeError for what is neither."""
    if (width := width_of(hint)) is not None:
        return width, None
    base, *notes = get_args(hint) or (hint,)
    count = next((note.elements for note in notes if isinstance(note, Count)), None)
    element = width_of(get_args(base)[0]) if get_origin(base) is Array else None
    if element is None or count is None:
        raise TypeError(f"{cls.__name__}.{name}: {hint!r} is no field of a tracepoint (u8..u64, s8..s64, be16..be64, data_loc, counted Array)")
    return element, count
