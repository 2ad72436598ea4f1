"""A row of the helper table -> the text of the smallest kernel programs that call it, made from its signature alone.

Arguments are what the annotations ask for: a number of which only its width is known, a struct of the stack, zeroed, a
socket or a task that the program may hold. A parameter that takes one of several structs gives a program for each.
Nothing here knows how registers are filled: that is what the programs are to show.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from itertools import product
from typing import Any, Union, get_args, get_origin, get_type_hints

from pybpf.compiler.lang import Array, KernelObject, ProgramType, Socket, SocketCommon, Struct, Task, Width
from pybpf.compiler.lang.helper import Give, Helper, Pass
from tests.support.helper_programs import PACKETS

# Where programs of each type go, what they are called with, and how they come by a socket: from the context, or looked up.
_LOOKED_UP = "context.sk_lookup_tcp(addresses, CURRENT_NETNS)"
_OWN = "context.socket"
PLACES: dict[ProgramType, tuple[str, str, str]] = {
    ProgramType.SOCKET_FILTER: ("socket", "Skb", _OWN),
    ProgramType.KPROBE: ("kprobe/do_exit", "Registers", ""),
    ProgramType.SCHED_CLS: ("tc", "Skb", _LOOKED_UP),
    ProgramType.TRACEPOINT: ("tracepoint/sched/sched_process_exec", "Exec", ""),
    ProgramType.XDP: ("xdp", "Xdp", _LOOKED_UP),
    ProgramType.PERF_EVENT: ("perf_event", "PerfEvent", ""),
    ProgramType.CGROUP_SKB: ("cgroup_skb/egress", "Skb", _LOOKED_UP),
    ProgramType.CGROUP_SOCK: ("cgroup/sock_create", "Sock", ""),
    ProgramType.SOCK_OPS: ("sockops", "SockOps", _OWN),
    ProgramType.SK_SKB: ("sk_skb/stream_verdict", "Skb", _LOOKED_UP),
    ProgramType.SK_MSG: ("sk_msg", "SkMsg", _OWN),
    ProgramType.RAW_TRACEPOINT: ("raw_tracepoint/sched_switch", "Switch", ""),
    ProgramType.CGROUP_SOCK_ADDR: ("cgroup/connect4", "SockAddr", _LOOKED_UP),
    ProgramType.SK_LOOKUP: ("sk_lookup", "SkLookup", _OWN),
}
MAY_SLEEP = "uprobe.s//bin/true:main"
TEXT_PRELUDE = '''

class Exec(Tracepoint):
    filename: data_loc
    pid: s32
    old_pid: s32


class Switch(RawTracepoint):
    preempt: u64


class Octets(Struct):
    all: Annotated[Array[u8], Count(64)]


class Header(Struct):
    kind: u32
    rest: u32


'''
_OCTETS = 64  # of the memory that stands for any
# A number of which no more is known than that it fits
_NUMBERS = {
    (16, False): "get_prandom_u32() & 0xFFFF",
    (32, False): "get_prandom_u32()",
    (64, False): "ktime_ns()",
    (32, True): "wrap(s32, get_prandom_u32())",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One program: `text` is its source without the decorator's section, which decides the context's class."""

    name: str
    row: Helper
    text: str


@dataclass(frozen=True, slots=True)
class _Argument:
    """How an argument is made: lines before the call, and what is written in it."""

    lines: tuple[str, ...]
    written: str


def calls(row: Helper, kind: ProgramType, *, section: str = "") -> list[Call]:
    """A program for each choice of structs the row takes."""
    return [Call(name, row, _program(name, section or PLACES[kind][0], PLACES[kind][1], lines)) for name, lines in _bodies(row, kind)]


def calls_between_views(row: Helper, kind: ProgramType) -> list[Call]:
    """As `calls`, with a view on the packet from before that is used afterwards."""
    assert kind in PACKETS
    before = ["head = context.header(Header, 0)", "if head is None:", "    return 1"]
    after = ["if head.kind == 7:", "    return 1"]
    section, context, _ = PLACES[kind]
    return [Call(name, row, _program(name, section, context, [*before, *lines, *after])) for name, lines in _bodies(row, kind)]


def _bodies(row: Helper, kind: ProgramType) -> list[tuple[str, list[str]]]:
    """Each program's name and its lines up to the last `return`."""
    hints = get_type_hints(row.stand_in, include_extras=True)
    choices = [_choices(name, hints[name], takes, row.signature.widths[name]) for name, takes in row.signature.parameters]
    owner, _, method = row.name.rpartition(".")
    made = []
    for number, chosen in enumerate(product(*choices)):
        call = f"{'context.' if owner else ''}{method}({', '.join(each.written for each in chosen)})"
        lines = [line for each in chosen for line in each.lines] + _with_result(row, call)
        if (Task,) in row.signature.structs.values():
            lines = ["task = get_current_task_btf()", "if task is None:", "    return 1", *lines]
        if any(each in ((Socket,), (SocketCommon,)) for each in row.signature.structs.values()):
            lines = _with_socket(row, PLACES[kind][2], lines)
        made.append((f"{method}_{number}", lines))
    return made


def _program(name: str, section: str, context: str, lines: list[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f'@program("{section}")\ndef {name}(context: {context}) -> int:\n{body}\n    return 1\n'


def _choices(name: str, hint: Any, takes: Pass, width: Width) -> list[_Argument]:
    """The ways to give this parameter something."""
    match takes:
        case Pass.SCALAR:
            return [_Argument((), _NUMBERS[width.bits, width.signed])]
        case Pass.LENGTH:
            return [_Argument((), f"(get_prandom_u32() & {_OCTETS - 1}) + 1")]
        case Pass.MEMORY:
            each = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
            return [_memory(name, one) for one in each]
        case _:
            raise AssertionError(f"a row that takes a {takes.name} is not in this table")


def _memory(name: str, hint: Any) -> _Argument:
    if hint is bytes:
        return _Argument((), 'b"abcdefgh"')
    if get_origin(hint) is Array:
        return _Argument((f"{name}_octets = Octets()",), f"{name}_octets.all")
    assert isinstance(hint, type) and issubclass(hint, Struct)
    if issubclass(hint, KernelObject):
        return _Argument((), {Socket: "held", SocketCommon: "held", Task: "task"}[hint])
    return _Argument((f"its_{name} = {'Octets' if hint is Struct else hint.__name__}()",), f"its_{name}")


def _with_result(row: Helper, call: str) -> list[str]:
    """The call, and a use of what it gives."""
    match row.signature.give:
        case Give.NOTHING:
            return [call]
        case Give.SUCCESS:
            return [call] if row.releases else [f"done = {call}", "if not done:", "    printk('no')"]
        case Give.NUMBER:
            return [f"result = {call}", "if result == 3:", "    printk('three')"]
        case Give.POINTER if row.acquires:
            return [f"found = {call}", "if found is not None:", "    sk_release(found)"]
        case Give.POINTER:
            return [f"found = {call}", "if found is None:", "    printk('none')"]
        case Give.INNER_MAP:
            raise AssertionError("maps are another table")


def _with_socket(row: Helper, source: str, lines: list[str]) -> list[str]:
    """`lines`, that use a socket called `held`; it is given back where it was looked up."""
    find = ["addresses = SocketTuple4()"] if source == _LOOKED_UP else []
    give_back = ["sk_release(held)"] if source == _LOOKED_UP and not row.releases else []
    return [*find, f"held = {source}", "if held is not None:", *(f"    {line}" for line in [*lines, *give_back])]
